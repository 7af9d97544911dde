//! quiche's stream buffers as `Bytes`: a chunk of a file is queued by reference, not copied.

use bytes::Bytes;

/// Tells quiche to keep stream data in [`Bytes`].
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamBuffers;

impl quiche::BufFactory for StreamBuffers {
    type Buf = Bytes;
    type DgramBuf = Vec<u8>;

    fn buf_from_slice(buf: &[u8]) -> Bytes {
        Bytes::copy_from_slice(buf)
    }

    fn dgram_buf_from_slice(buf: &[u8]) -> Vec<u8> {
        buf.to_vec()
    }
}

/// A quiche connection with those buffers.
pub(crate) type Quic = quiche::Connection<StreamBuffers>;
