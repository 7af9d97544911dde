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

/// Whether the transport has delivered all of a stream, or abandoned it.
pub(crate) fn is_forgotten(quic: &mut QuicConnection, stream: u64) -> bool {
    let capacity = quic.stream_capacity(stream);
    matches!(capacity, Err(quiche::Error::InvalidStreamState(_)))
}
