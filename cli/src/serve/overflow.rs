//! Datagrams that a UDP socket had no room for: the kernel drops them unseen, and lists how many.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use rustix::fs::fstat;

/// The kernel's list of UDP sockets (proc_net(5)), opened before Landlock.
pub(super) struct Overflow {
    list: File,
    inode: u64,
}

impl Overflow {
    /// For this socket.
    pub(super) fn of(socket: &UdpSocket) -> io::Result<Self> {
        let list = match socket.local_addr()? {
            SocketAddr::V4(_) => "/proc/self/net/udp",
            SocketAddr::V6(_) => "/proc/self/net/udp6",
        };
        Ok(Self {
            list: File::open(list)?,
            inode: fstat(socket.as_fd())?.st_ino,
        })
    }

    /// Datagrams dropped so far; 0 if the list doesn't have the socket.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        let mut text = String::new();
        self.list.rewind()?;
        self.list.read_to_string(&mut text)?;
        Ok(dropped(&text, self.inode).unwrap_or(0))
    }
}

/// The columns, of which the header names some together: sl, local_address, rem_address, st,
/// tx_queue:rx_queue, tr:when, retrnsmt, uid, timeout, inode, ref, pointer, drops.
fn dropped(list: &str, inode: u64) -> Option<u64> {
    let inode = inode.to_string();
    let is_it = |line: &&str| line.split_whitespace().nth(9) == Some(inode.as_str());
    let line = list.lines().find(is_it)?;
    line.split_whitespace().nth(12)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::Overflow;

    #[test]
    fn what_finds_no_room_is_counted() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).expect("a socket");
            let to = socket.local_addr().expect("an address");
            let mut overflow = Overflow::of(&socket).expect("a list");
            assert_eq!(overflow.count().expect("a count"), 0);
            // Far more than any default takes.
            for _ in 0..10_000 {
                socket.send_to(&[0; 1000], to).expect("sent");
            }
            let mut kept = 0;
            socket.set_nonblocking(true).expect("an option");
            while socket.recv(&mut [0; 1000]).is_ok() {
                kept += 1;
            }
            assert_eq!(overflow.count().expect("a count"), 10_000 - kept);
            assert!(kept < 10_000);
        }
    }
}
