//! Frames into the QUIC endpoints: a server and a client against everyone else on the network.
//!
//! The first byte selects the attacker: strangers without keys (`strangers`), someone on the path
//! who corrupts, repeats and drops the datagrams of an honest pair (`path`), or a peer that
//! completed the handshake and then sends arbitrary frames under the right keys (`insider`). The
//! other bytes are its operations.
//!
//! quiche reads the clock itself and draws random numbers, so two runs of an input may differ in
//! packet numbers, ids and acknowledgement delays. Only an honest client at the very end waits for
//! a timer.

mod client;
mod input;
mod insider;
mod party;
mod path;
mod peer;
mod seal;
mod server;
mod strangers;

use input::Input;

/// In the first byte: an honest client follows the attack, and must get its file.
const HONEST_CLIENT: u8 = 0x80;
/// The kinds of attack: the first byte without [`HONEST_CLIENT`], modulo 4.
const STRANGERS: u8 = 0;
const PATH: u8 = 1;
const INSIDER_CLIENT: u8 = 2;

/// Runs one attack.
///
/// # Panics
///
/// If an endpoint exceeds a bound, miscounts, or serves anything but the file.
pub fn attack(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else {
        return;
    };
    let mut input = Input::new(rest);
    let honest = first & HONEST_CLIENT != 0;
    match (first & !HONEST_CLIENT) % 4 {
        STRANGERS => strangers::attack(&mut input, honest),
        PATH => path::attack(&mut input),
        INSIDER_CLIENT => insider::attack_server(&mut input, honest),
        _ => insider::attack_client(&mut input),
    }
}
