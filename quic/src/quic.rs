//! `QuicConnection`: quiche's connection as this crate uses it.

use std::net::SocketAddr;

use bytes::Bytes;

/// Has quiche keep stream data in [`Bytes`], so that file chunks and response bodies are queued
/// without a copy.
#[derive(Clone, Debug, Default)]
pub struct StreamBuffers;

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
pub type QuicConnection = quiche::Connection<StreamBuffers>;

/// Authentic packets received on the path from `peer` to `local`.
///
/// Compared before and after each datagram: the difference is how many it held.
/// (`quiche::Connection::stats` has a count, too, but walks over all streams.)
pub(crate) fn packets_received(
    quic: &QuicConnection,
    local: SocketAddr,
    peer: SocketAddr,
) -> usize {
    let mut paths = quic.path_stats();
    let path = paths.find(|path| path.local_addr == local && path.peer_addr == peer);
    path.map_or(0, |path| path.recv)
}

/// Takes the end of a stream that comes directly after a DATA frame's header. quiche's HTTP/3 would
/// forget the stream, which stays readable, and report its end again or fail. Returns the code if
/// the end is a reset.
pub(crate) fn take_end(quic: &mut QuicConnection, stream: u64) -> Option<u64> {
    if !(quic.stream_finished(stream) && quic.stream_readable(stream)) {
        return None;
    }
    match quic.stream_recv(stream, &mut [0]) {
        Err(quiche::Error::StreamReset(code)) => Some(code),
        _ => None,
    }
}

/// Empty DATA frames in a row that a message may have. (RFC 9114, section 10.5, calls them a way to
/// make the other end work.)
pub(crate) const MAX_EMPTY_FRAMES: u32 = 1000;

/// Whether the transport has delivered all of a stream, or abandoned it.
pub(crate) fn is_forgotten(quic: &mut QuicConnection, stream: u64) -> bool {
    let capacity = quic.stream_capacity(stream);
    matches!(capacity, Err(quiche::Error::InvalidStreamState(_)))
}
