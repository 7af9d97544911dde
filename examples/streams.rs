//! Sends streams and datagrams back, by its own protocol (ALPN `xskit-echo`): QUIC without HTTP.
//!
//! ```sh
//! cargo build --example streams --features udp
//! sudo target/debug/examples/streams eth1 4433 chain.pem key.pem  # or 0.0.0.0 for eth1: the kernel's UDP
//! ```

use std::time::Instant;

use xskit::quic::quiche::{Error, Shutdown};
use xskit::quic::server::{Activity, Close, Peer, WaitsFor};
use xskit::quic::{Application, QuicConnection};

mod transport;

struct Echo;

impl Application for Echo {
    type Session = ();

    fn protocols(&self) -> &[&[u8]] {
        &[b"xskit-echo"]
    }

    fn begin(&mut self, _: &mut QuicConnection, _: &Peer, _: Instant) -> Result<(), Close> {
        Ok(())
    }

    fn service(&mut self, _: &mut (), quic: &mut QuicConnection, _: Instant) -> Activity {
        let (mut buffer, mut advanced) = ([0; 16_384], false);
        for stream in quic.readable() {
            // Reads no more than can be sent: nothing is kept, and the client is held back.
            while let Ok(room @ 1..) = quic.stream_capacity(stream) {
                let piece = &mut buffer[..room.min(16_384)];
                let read = quic.stream_recv(stream, piece);
                // A peer that gives up one direction of a stream loses the other.
                if let Err(Error::StreamReset(code)) = read {
                    let _ = quic.stream_shutdown(stream, Shutdown::Write, code);
                }
                let Ok((len, fin)) = read else { break };
                advanced |= quic.stream_send(stream, &piece[..len], fin).is_ok();
            }
            if let Err(Error::StreamStopped(code)) = quic.stream_capacity(stream) {
                let _ = quic.stream_shutdown(stream, Shutdown::Read, code);
            }
        }
        while let Ok(len) = quic.dgram_recv(&mut buffer) {
            advanced |= quic.dgram_send(&buffer[..len]).is_ok();
        }
        Activity {
            advanced,
            held_bytes: 0,
            waits_for: WaitsFor::Request,
        }
    }
}

fn main() -> transport::Outcome {
    transport::serve(Echo, |config| config.transport.datagrams_queued = 64)
}
