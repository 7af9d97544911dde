//! Kernel UDP sockets that do the same jobs, one packet a call.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::Context;
use xskit_benches::stop::Stop;
use xskit_testbed::Host;

use super::burst::NOBODY;
use crate::job::{PORT, Task};
use crate::udp::HEADERS_LEN;

/// After so long a call looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(200);

/// Does it until it is to stop.
///
/// # Errors
/// Where the socket fails.
pub fn work(task: Task, host: &Host, len_bytes: usize, stop: &Stop) -> anyhow::Result<()> {
    host.namespace.enter()?;
    match task {
        Task::Tx => {
            let socket = open(host.ipv4, 0)?;
            socket.connect((NOBODY, PORT)).context("connect")?;
            let payload = vec![0; len_bytes.saturating_sub(HEADERS_LEN)];
            while !stop.is_set() {
                // A full buffer of the socket makes it wait.
                socket.send(&payload).context("send")?;
            }
        }
        Task::Rx => receive(host, stop, |_, _| Ok(()))?,
        Task::Fwd | Task::Ping => receive(host, stop, |socket, packet| {
            socket.send_to(packet, (NOBODY, PORT)).context("sendto")?;
            Ok(())
        })?,
    }
    Ok(())
}

fn receive(
    host: &Host,
    stop: &Stop,
    mut each: impl FnMut(&UdpSocket, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let socket = open(host.ipv4, PORT)?;
    socket.set_read_timeout(Some(LOOK))?;
    let mut packet = [0; 2048];
    while !stop.is_set() {
        match socket.recv(&mut packet) {
            Ok(len) => each(&socket, &packet[..len])?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error).context("recv"),
        }
    }
    Ok(())
}

fn open(address: Ipv4Addr, port: u16) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind((address, port)).context("a UDP socket")
}
