//! The input as a list of operations. Missing bytes at its end read as empty or zero, so every
//! input is valid.

/// The rest of an input.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

/// More operations make an input slow, and no more interesting.
const MAX_OPERATIONS: usize = 64;

/// Less than UDP over IPv4 carries, by enough for QUIC's headers.
const MAX_BLOCK: usize = 60_000;

impl<'a> Input<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Runs the operations in order, each with its first byte. `run` reads the operation's other
    /// bytes.
    pub(super) fn each_operation(&mut self, mut run: impl FnMut(u8, &mut Self)) {
        for _ in 0..MAX_OPERATIONS {
            let Some(operation) = self.next() else {
                return;
            };
            run(operation, self);
        }
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// `len` bytes, or the rest.
    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    /// Two bytes of length, and that many bytes, as far as a datagram holds them.
    pub(super) fn block(&mut self) -> &'a [u8] {
        let len = usize::from(self.u16());
        self.bytes(len.min(MAX_BLOCK))
    }

    /// One byte of length, and that many bytes, at most `max_len`.
    pub(super) fn short_block(&mut self, max_len: usize) -> &'a [u8] {
        let len = usize::from(self.byte()) % (max_len + 1);
        self.bytes(len)
    }
}
