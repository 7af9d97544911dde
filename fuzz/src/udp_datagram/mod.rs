//! Frames into the QUIC endpoints: what a server and a client make of everybody else on the network.
//!
//! The first byte chooses who attacks: strangers without keys (`strangers`), somebody on the path who spoils, repeats and
//! loses the datagrams of an honest pair (`path`), or a peer who has shaken hands and then sends what it likes under the
//! right keys (`insider`). The other bytes say what they do.
//!
//! quiche reads the clock itself and draws random numbers, so two runs of an input may differ in packet numbers, ids and
//! acknowledgement delays. Nobody here ever waits for a timer, except an honest client at the very end.

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

/// In the first byte: an honest client comes after the attack, and must get its file.
const HONEST_CLIENT: u8 = 0x80;
/// The kinds of attack: the first byte without [`HONEST_CLIENT`], modulo 4.
const STRANGERS: u8 = 0;
const PATH: u8 = 1;
const INSIDER_CLIENT: u8 = 2;

/// Runs one attack.
///
/// # Panics
///
/// If an endpoint breaks a bound that it promises, loses count, or serves anything but the file.
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
