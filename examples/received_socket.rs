//! A socket opened without any capability: a broker creates it, and its child, running as `nobody`,
//! inherits it as standard input and answers datagrams. SCM_RIGHTS sends one to other processes.
//!
//! ```sh
//! cargo build --example received_socket && sudo target/debug/examples/received_socket eth1 7777
//! ```

use std::io::{self, BufRead, BufReader};
use std::os::{fd::AsFd, unix::process::CommandExt};
use std::process::{Command, Stdio};
use std::{env, error::Error, time::Duration};

use rustix::process::{Signal, set_parent_process_death_signal};
use xskit::bpf::{AttachMode, XdpProgram};
use xskit::wire::{Datagram, UdpChecksum};
use xskit::{Socket, af_xdp::backend::Interest, net::Link};

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [interface, port] => broker(interface, port.parse()?),
        [ifindex] => data_plane(ifindex.parse()?),
        _ => Err("usage: received_socket INTERFACE PORT".into()),
    }
}

fn broker(interface: &str, port: u16) -> Result<(), Box<dyn Error>> {
    let (link, descriptor) = (Link::by_name(interface)?, Socket::create_descriptor()?);
    let mut command = Command::new("/proc/self/exe");
    command.arg(link.index.to_string()).uid(65534).gid(65534);
    let duplicate = descriptor.try_clone()?;
    command.stdin(duplicate).stdout(Stdio::piped());
    let output = command.spawn()?.stdout.ok_or("no pipe")?;
    let mut lines = BufReader::new(output).lines();
    let capabilities = lines.next().ok_or("the data plane failed")??;
    // The socket is open by now, so the map accepts it.
    let program = XdpProgram::load(1)?;
    program.register_socket(0, descriptor.as_fd())?;
    drop((command, descriptor)); // Both would keep the queue taken.
    program.take(port, None)?;
    let attachment = program.attach(link.index, AttachMode::Auto)?;
    println!("{interface}: {} mode, {capabilities}", attachment.mode());
    lines.for_each(drop); // Until the data plane ends.
    Err("the data plane ended".into())
}

fn data_plane(ifindex: u32) -> Result<(), Box<dyn Error>> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let builder = Socket::builder(ifindex).frames(1024); // `ulimit -l` bounds them.
    let mut socket = builder.open_from(io::stdin().as_fd().try_clone_to_owned()?)?;
    println!("{:?}", rustix::thread::capabilities(None)?.effective);
    loop {
        socket.answer(64, |packet| {
            let datagram = Datagram::parse(packet, UdpChecksum::Ignore).ok()?;
            let len_bytes = datagram.reply().emit(packet, 0).ok()?;
            packet.truncate(len_bytes);
            Some(())
        })?;
        socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
    }
}
