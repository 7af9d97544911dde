//! A peer with the right keys: every frame it sends is authentic, and none need be valid.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use xskit_quic::Endpoint;

use super::client::ClientParty;
use super::input::Input;
use super::party::{frame, server_addr};
use super::peer::Peer;
use super::seal::varint;
use super::server::ServerParty;

pub(super) fn attack_server(input: &mut Input<'_>, honest: bool) {
    let local = SocketAddr::from(([203, 0, 113, 9], 9000));
    let mut party = ServerParty::new();
    let mut peer = Peer::client(&mut party, local);
    assert_eq!(party.server.stats().connections.established, 1);
    operate_on_server(&mut party, &mut peer, local, input);
    party.forgets_the_half_open();
    if honest {
        party.serves_an_honest_client();
    }
    party.server.close_all(party.clock.now());
    party.drain();
}

fn operate_on_server(
    party: &mut ServerParty,
    peer: &mut Peer,
    local: SocketAddr,
    input: &mut Input<'_>,
) {
    let mut streams = Streams::default();
    input.each_operation(|operation, input| {
        match operation % 8 {
            0 | 1 => party.take(frame(local, server_addr(), &peer.seal(input.block()))),
            2..=5 => {
                let frames = streams.next(input);
                party.take(frame(local, server_addr(), &peer.seal(&frames)));
            }
            6 => {
                // The same connection from another address: a NAT, or a phone.
                let mut from = local;
                from.set_port(9000 + u16::from(input.byte() % 16));
                party.take(frame(from, server_addr(), &peer.seal(input.block())));
            }
            _ => party.wait(Duration::from_millis(u64::from(input.byte()) * 50)),
        }
        party.drain();
    });
}

pub(super) fn attack_client(input: &mut Input<'_>) {
    let mut party = ClientParty::new(SocketAddr::from(([198, 51, 100, 7], 40_000)));
    let mut peer = Peer::server(&mut party);
    assert!(party.client.is_connected());
    let mut streams = Streams::default();
    input.each_operation(|operation, input| {
        match operation % 8 {
            0 | 1 => party.take(peer.seal(input.block()), server_addr()),
            2..=5 => party.take(peer.seal(&streams.next(input)), server_addr()),
            6 => {
                let from = SocketAddr::from(([192, 0, 2, 1], 443 + u16::from(input.byte() % 4)));
                party.take(peer.seal(input.block()), from);
            }
            _ => {
                party
                    .clock
                    .put_forward(Duration::from_millis(u64::from(input.byte()) * 50));
                party.client.handle_timeout(party.clock.now());
            }
        }
        party.drain();
    });
    party.client.close(party.clock.now());
    party.drain();
}

/// The bytes written to each stream: an input is a list of chunks, not of offsets.
#[derive(Default)]
struct Streams {
    written: HashMap<u8, usize>,
}

impl Streams {
    /// A STREAM frame with the next chunk (RFC 9000, section 19.8): a byte for the stream and FIN,
    /// and a block.
    fn next(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let which = input.byte();
        let (stream, fin) = (which & 0x1f, which >> 7);
        let data = input.block();
        let offset = self.written.entry(stream).or_default();
        let mut frame = vec![0x0e | fin, stream];
        frame.extend(varint(*offset));
        frame.extend(varint(data.len()));
        frame.extend_from_slice(data);
        *offset += data.len();
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::super::party::folder;
    use super::*;

    const PING: [u8; 1] = [0x01];

    #[test]
    fn what_an_insider_seals_is_authentic_to_the_server() {
        let local = SocketAddr::from(([203, 0, 113, 9], 9000));
        let mut party = ServerParty::new();
        let mut peer = Peer::client(&mut party, local);
        let before = party.server.stats().delivered;
        party.take(frame(local, server_addr(), &peer.seal(&PING)));
        assert_eq!(party.server.stats().delivered, before + 1);
    }

    #[test]
    fn what_an_insider_seals_is_authentic_to_the_client() {
        let mut party = ClientParty::new(SocketAddr::from(([198, 51, 100, 7], 40_000)));
        let mut peer = Peer::server(&mut party);
        let before = party.client.stats().packets_received;
        party.take(peer.seal(&PING), server_addr());
        assert_eq!(party.client.stats().packets_received, before + 1);
    }

    /// Otherwise the code behind HTTP/3 and QPACK is never reached.
    #[test]
    fn a_seed_is_a_request_that_is_answered() {
        let seed = folder().join("udp_datagram/client-get");
        let seed = std::fs::read(seed).expect("it is in the repository");
        let mut input = Input::new(&seed[1..]);
        let local = SocketAddr::from(([203, 0, 113, 9], 9000));
        let mut party = ServerParty::new();
        let mut peer = Peer::client(&mut party, local);
        operate_on_server(&mut party, &mut peer, local, &mut input);
        let http = party.server.application().counters();
        assert_eq!(
            (http.requests, http.error_statuses, http.completed),
            (1, 0, 1)
        );
    }

    #[test]
    fn an_honest_client_gets_its_file() {
        let mut party = ServerParty::new();
        party.serves_an_honest_client();
        assert_eq!(party.server.application().counters().requests, 1);
    }
}
