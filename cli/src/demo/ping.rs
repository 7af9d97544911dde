//! ICMP echo through the kernel's own stacks, to show that they keep working.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto,
    socket_with,
};
use serde::Serialize;
use xskit::wire::Checksum;
use xskit_testbed::Host;

/// From ping to ping, and how long one may take.
const INTERVAL: Duration = Duration::from_millis(50);

/// ICMP types (RFC 792).
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// Pings sent, and how many were answered.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Pings {
    pub(super) sent: u64,
    pub(super) answered: u64,
}

/// A thread on one host that pings the other.
pub(super) struct Pinger {
    done: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Pings>>,
}

impl Pinger {
    pub(super) fn start(host: &Host, target: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = host
            .run(|| {
                let flags = SocketFlags::CLOEXEC;
                let protocol = Some(ipproto::ICMP);
                socket_with(AddressFamily::INET, SocketType::RAW, flags, protocol)
            })?
            .context("socket(SOCK_RAW, IPPROTO_ICMP) needs CAP_NET_RAW")?;
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let thread = thread::spawn(move || ping(&socket, target, &is_done));
        Ok(Self { done, thread })
    }

    pub(super) fn finish(self) -> anyhow::Result<Pings> {
        self.done.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(pings) => pings.context("pinging"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn ping(socket: &OwnedFd, target: Ipv4Addr, done: &AtomicBool) -> io::Result<Pings> {
    let mut pings = Pings::default();
    // At least one, however short the transfer.
    while pings.sent == 0 || !done.load(Ordering::Relaxed) {
        pings.sent += 1;
        let sequence = (pings.sent & 0xffff) as u16;
        let request = echo_request(sequence);
        sendto(
            socket,
            &request,
            SendFlags::empty(),
            &SocketAddrV4::new(target, 0),
        )?;
        pings.answered += u64::from(is_answered(socket, &request)?);
        thread::sleep(INTERVAL);
    }
    Ok(pings)
}

/// An echo request (RFC 792): type, code, checksum, identifier, sequence number.
fn echo_request(sequence: u16) -> [u8; 8] {
    let [high, low] = sequence.to_be_bytes();
    let [id_high, id_low] = (std::process::id() as u16).to_be_bytes();
    let mut request = [ECHO_REQUEST, 0, 0, 0, id_high, id_low, high, low];
    let checksum = Checksum::new().bytes(&request).finish();
    request[2..4].copy_from_slice(&checksum.to_be_bytes());
    request
}

/// Waits for the reply to this request. A raw socket sees all ICMP, behind the IPv4 header.
fn is_answered(socket: &OwnedFd, request: &[u8; 8]) -> io::Result<bool> {
    let mut packet = [0; 128];
    let timeout = Timespec::try_from(INTERVAL).ok();
    loop {
        let mut fds = [PollFd::new(socket, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(false),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let (len, _) = recv(socket, &mut packet[..], RecvFlags::DONTWAIT)?;
        let header_len = usize::from(packet[0] & 0x0f) * 4;
        let message = packet.get(header_len..len).unwrap_or_default();
        let is_reply = message.first() == Some(&ECHO_REPLY);
        if is_reply && message.get(4..8) == request.get(4..8) {
            return Ok(true);
        }
    }
}
