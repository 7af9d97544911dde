//! Receives packets that another process's XDP program redirects: its map of sockets arrives as a
//! descriptor.
//!
//! The process that loads the program, by any loader, listens on a Unix socket and sends the
//! descriptor of its BPF_MAP_TYPE_XSKMAP (SCM_RIGHTS, unix(7)). Open a pinned map with
//! `SocketMap::open_pinned` instead.
//!
//! ```sh
//! cargo build --example own_program && sudo target/debug/examples/own_program eth1 /run/loader.sock
//! ```

use std::env;
use std::error::Error;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use xskit::Socket;
use xskit::af_xdp::backend::Interest;
use xskit::bpf::SocketMap;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, loader] = arguments.as_slice() else {
        return Err("usage: own_program INTERFACE UNIX_SOCKET".into());
    };
    let map = SocketMap::from_fd(receive(loader)?)?;
    let mut socket = Socket::builder(interface.as_str()).open()?;
    map.register(0, socket.as_fd())?;
    println!("{interface}: queue 0 of {}", map.queues());
    loop {
        socket.with(|socket| {
            for packet in socket.receive(64) {
                println!("{} bytes", packet.len());
            }
            socket.recycle();
            socket.flush()
        })?;
        // Bounded: only a wait that ends reports that the interface is gone (ENETDOWN).
        socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
    }
}

/// The descriptor that comes with a byte.
fn receive(loader: &str) -> Result<OwnedFd, Box<dyn Error>> {
    let stream = UnixStream::connect(loader)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let bytes = &mut [IoSliceMut::new(&mut byte)];
    recvmsg(&stream, bytes, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok(descriptor.ok_or("the loader sent no descriptor")?)
}
