//! Explicit congestion notification: two bits of the IP header (RFC 3168 section 5).

/// The codepoint in the low two bits of the IPv4 TOS or IPv6 traffic class byte.
///
/// ```
/// use xskit_wire::Ecn;
///
/// let tos = 0b1011_1011;
/// assert_eq!(Ecn::from_bits(tos), Ecn::Ce);
/// assert_eq!(Ecn::Ect0.bits(), 0b10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Ecn {
    /// The sender does not take part in ECN.
    #[default]
    NotEct = 0b00,
    /// ECN-capable, codepoint ECT(1) (L4S: RFC 9331).
    Ect1 = 0b01,
    /// ECN-capable, codepoint ECT(0): what QUIC sends (RFC 9000 section 13.4).
    Ect0 = 0b10,
    /// A router on the way met congestion.
    Ce = 0b11,
}

impl Ecn {
    /// The codepoint in the low two bits of a TOS or traffic class byte; the other six are ignored.
    #[must_use]
    pub const fn from_bits(byte: u8) -> Self {
        match byte & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The codepoint, 0 to 3.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::Ecn;

    #[test]
    fn bits_and_back() {
        assert_eq!(
            [0, 1, 2, 3].map(Ecn::from_bits),
            [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce]
        );
        for byte in 0..=u8::MAX {
            assert_eq!(Ecn::from_bits(byte).bits(), byte & 3);
        }
    }
}
