//! Receives on tokio's multi-threaded runtime: a task that moves between threads with its socket,
//! and prints the source of each UDP datagram to one port.
//!
//! ```sh
//! cargo build --example tokio && sudo target/debug/examples/tokio eth1 7777
//! ```

use std::env;
use std::error::Error;
use std::io;

use tokio::runtime::Builder;
use xskit::wire::{Datagram, UdpChecksum};
use xskit::{AsyncSocket, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port] = arguments.as_slice() else {
        return Err("usage: tokio INTERFACE PORT".into());
    };
    let (socket, program) = Socket::builder(interface).open_and_take(port.parse()?)?;
    println!("{interface}: {} mode", program.mode());
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(receive(socket)).await })??;
    Ok(())
}

async fn receive(socket: Socket) -> io::Result<()> {
    let mut socket = AsyncSocket::new(socket)?;
    loop {
        socket.readable().await?;
        socket.with(|socket| {
            for packet in socket.receive(64) {
                if let Ok(datagram) = Datagram::parse(&packet, UdpChecksum::Ignore) {
                    let len_bytes = datagram.payload_range().len();
                    println!("{len_bytes} bytes from {}", datagram.source);
                }
            }
            socket.recycle();
            socket.flush()
        })?;
    }
}
