//! A byte range inside a header of fixed size, checked at compile time.

/// `LEN` bytes at offset `AT`. Each header names its fields once, in its `field` module, as
/// constants of this type; a field that reaches beyond its header does not compile.
#[derive(Clone, Copy)]
pub(crate) struct Field<const AT: usize, const LEN: usize>;

impl<const AT: usize, const LEN: usize> Field<AT, LEN> {
    /// The field's bytes, in wire order.
    #[inline(always)]
    pub(crate) fn read<const N: usize>(self, header: &[u8; N]) -> [u8; LEN] {
        const { assert!(AT + LEN <= N, "field reaches beyond its header") };
        core::array::from_fn(|at| header[AT + at])
    }

    /// Writes the field's bytes, in wire order.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(self, header: &mut [u8; N], value: [u8; LEN]) {
        const { assert!(AT + LEN <= N, "field reaches beyond its header") };
        header[AT..AT + LEN].copy_from_slice(&value);
    }
}

impl<const AT: usize> Field<AT, 1> {
    /// A field of one byte, as a number.
    #[inline(always)]
    pub(crate) fn read_u8<const N: usize>(self, header: &[u8; N]) -> u8 {
        u8::from_be_bytes(self.read(header))
    }
}

impl<const AT: usize> Field<AT, 2> {
    /// A field of two bytes, as a number.
    #[inline(always)]
    pub(crate) fn read_u16<const N: usize>(self, header: &[u8; N]) -> u16 {
        u16::from_be_bytes(self.read(header))
    }

    /// Writes a field of two bytes, as a number.
    #[inline(always)]
    pub(crate) fn write_u16<const N: usize>(self, header: &mut [u8; N], value: u16) {
        self.write(header, value.to_be_bytes());
    }
}
