//! Someone on the path between an honest client and an honest server, without keys.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::client::ClientParty;
use super::input::Input;
use super::party::{Sent, frame, server_addr};
use super::server::ServerParty;

/// The most datagrams under way; more are dropped, as by a queue.
const MAX_UNDER_WAY: usize = 64;
/// Datagrams moved after the end of the input.
const FAITHFUL: usize = 64;

pub(super) fn attack(input: &mut Input<'_>) {
    let local = SocketAddr::from(([198, 51, 100, 7], 40_000));
    let mut path = Path {
        server: ServerParty::new(),
        client: ClientParty::new(local),
        under_way: VecDeque::new(),
    };
    path.collect();
    input.each_operation(|operation, input| path.meddle(operation, input));
    for _ in 0..FAITHFUL {
        let Some(datagram) = path.under_way.pop_front() else {
            break;
        };
        path.deliver(datagram);
    }
    path.client.has_the_file_or_nothing();
    path.server.server.close_all(path.server.clock.now());
    path.server.drain();
    path.client.client.close(path.client.clock.now());
    path.client.drain();
}

struct Path {
    server: ServerParty,
    client: ClientParty,
    under_way: VecDeque<Sent>,
}

impl Path {
    /// Treats one datagram by the operation; does nothing without a datagram.
    fn meddle(&mut self, operation: u8, input: &mut Input<'_>) {
        let Some(mut datagram) = self.under_way.pop_front() else {
            return;
        };
        match operation % 10 {
            0..=2 => {}
            3 => return,
            4 => self.under_way.push_back(datagram.clone()),
            5 => {
                self.under_way.push_back(datagram);
                return;
            }
            6 => flip(&mut datagram.payload, input),
            7 => datagram.payload.truncate(usize::from(input.u16())),
            8 => datagram.payload.extend_from_slice(input.short_block(255)),
            _ => datagram.from.set_port(input.u16()),
        }
        self.deliver(datagram);
    }

    fn deliver(&mut self, datagram: Sent) {
        let Sent { from, to, payload } = datagram;
        if to == server_addr() {
            self.server.take(frame(from, to, &payload));
        } else {
            self.client.take(payload, from);
        }
        self.collect();
    }

    fn collect(&mut self) {
        let sent = [self.client.drain(), self.server.drain()];
        for datagram in sent.into_iter().flatten() {
            if self.under_way.len() < MAX_UNDER_WAY {
                self.under_way.push_back(datagram);
            }
        }
    }
}

fn flip(payload: &mut [u8], input: &mut Input<'_>) {
    let at = usize::from(input.u16());
    let mask = input.byte().max(1);
    if let Some(byte) = payload
        .len()
        .checked_sub(1)
        .and_then(|last| payload.get_mut(at.min(last)))
    {
        *byte ^= mask;
    }
}
