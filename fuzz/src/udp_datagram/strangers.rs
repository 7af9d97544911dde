//! Strangers: no keys but those of first packets, which anyone can make.

use std::net::SocketAddr;
use std::time::Duration;

use super::input::Input;
use super::party::{frame, server_addr};
use super::seal::Initial;
use super::server::ServerParty;

/// RFC 9000, section 14.1.
const MIN_INITIAL: usize = 1200;

pub(super) fn attack(input: &mut Input<'_>, honest: bool) {
    let mut party = ServerParty::new();
    let mut number = 0;
    input.each_operation(|operation, input| {
        match operation % 5 {
            0 => party.take(input.block().to_vec()),
            1 => {
                let from = stranger(input.byte());
                party.take(frame(from, server_addr(), input.block()));
            }
            2 => {
                let from = stranger(input.byte());
                number += 1;
                party.take(frame(from, server_addr(), &initial(input, number)));
            }
            3 => {
                let from = stranger(input.byte());
                party.take(frame(from, server_addr(), &padded(input.block())));
            }
            _ => party.wait(Duration::from_millis(u64::from(input.byte()) * 50)),
        }
        // Some operations leave answers waiting.
        if operation & 0x80 == 0 {
            party.drain();
        }
    });
    party.drain();
    party.no_address_is_flooded();
    party.forgets_the_half_open();
    party.no_address_is_flooded();
    assert_eq!(party.server.stats().connections.ids, 0);
    if honest {
        party.serves_an_honest_client();
    }
    party.server.close_all(party.clock.now());
    party.drain();
}

fn stranger(which: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, which % 16], 1000 + u16::from(which)))
}

/// A first packet under the right keys: its flags, ids, token and frames are from the input.
fn initial(input: &mut Input<'_>, number: u32) -> Vec<u8> {
    let flags = input.byte();
    let packet = Initial {
        version: if flags & 1 == 0 {
            1
        } else {
            u32::from(flags) << 8
        },
        dcid: input.short_block(20),
        scid: input.short_block(20),
        token: input.short_block(200),
        number,
    };
    let frames = input.block();
    let sealed = packet.seal(frames);
    match flags & 2 {
        0 => {
            // Padding frames, inside the sealed part.
            let missing = MIN_INITIAL.saturating_sub(sealed.len());
            packet.seal(&[frames, &vec![0; missing][..]].concat())
        }
        _ => sealed,
    }
}

fn padded(payload: &[u8]) -> Vec<u8> {
    let mut padded = payload.to_vec();
    padded.resize(MIN_INITIAL.max(payload.len()), 0);
    padded
}
