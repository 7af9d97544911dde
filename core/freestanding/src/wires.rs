//! Packet headers.

use core::net::SocketAddr;

use xskit_wire::{
    Checksum, Datagram, EmitError, LinkPath, Refusal, UdpChecksum, UdpHeaders, VlanTag,
    swap_addresses,
};

/// Headers read.
#[unsafe(no_mangle)]
pub fn parse(packet: &[u8], checksum: UdpChecksum) -> Result<Datagram, Refusal> {
    Datagram::parse(packet, checksum)
}

/// The payload after them.
#[unsafe(no_mangle)]
pub fn payload<'a>(datagram: &Datagram, packet: &'a mut [u8]) -> Option<&'a mut [u8]> {
    datagram.payload_mut(packet)
}

/// Headers of an answer, written.
#[unsafe(no_mangle)]
pub fn answer(
    datagram: &Datagram,
    packet: &mut [u8],
    payload_len: usize,
) -> Result<usize, EmitError> {
    datagram.reply().emit(packet, payload_len)
}

/// Headers made and written.
#[unsafe(no_mangle)]
pub fn emit(
    mut link: LinkPath,
    tag: VlanTag,
    ends: [SocketAddr; 2],
    packet: &mut [u8],
    payload_len: usize,
) -> Option<usize> {
    link.tags.push(tag).ok()?;
    let [source, destination] = ends;
    let headers = UdpHeaders::new(link, source, destination);
    headers.emit(packet, payload_len).ok()
}

/// A packet's addresses exchanged.
#[unsafe(no_mangle)]
pub fn swap(packet: &mut [u8]) -> Result<(), Refusal> {
    swap_addresses(packet)
}

/// A checksum of any bytes.
#[unsafe(no_mangle)]
pub fn checksum(one: &[u8], other: &[u8]) -> u16 {
    Checksum::new().bytes(one).bytes(other).finish()
}
