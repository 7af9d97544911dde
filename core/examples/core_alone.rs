//! `xskit-core` alone, in a program without the standard library: a socket echoes what it receives.
//!
//! It uses no heap either: the frames' book-keeping is on the stack. Only the simulated parts, the
//! kernel and the memory of the frames, use std. A real program has a backend and its memory
//! instead: a few system calls, or a driver.
//!
//! ```sh
//! cargo run -p xskit-core --example core_alone
//! ```
#![no_std]

// Only for `main` to start and to print.
extern crate std;

use core::error::Error;

use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Backend, Errno, Socket, SocketConfig};

const FRAMES: usize = 32;

fn main() -> Result<(), std::boxed::Box<dyn Error>> {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let backend = network.backend();
    let mut slots = [const { [const { FrameSlot::new() }; FRAMES] }; 2];
    let [near, far] = &mut slots;
    let memory = || HeapMemory::new(FRAMES * FrameSize::DEFAULT.bytes() as usize);
    let near = Umem::new(memory(), near, FrameSize::DEFAULT)?;
    let far = Umem::new(memory(), far, FrameSize::DEFAULT)?;
    let mut near = Socket::open(&backend, &near, &SocketConfig::new(1, 0))?;
    let mut far = Socket::open(&backend, &far, &SocketConfig::new(2, 0))?;

    for len_bytes in [60, 1514] {
        let mut frame = near.alloc().ok_or("no free frame")?;
        frame.set_range(0..len_bytes)?;
        frame.fill(0xab);
        near.send(frame).map_err(|refused| refused.kind)?;
        near.flush()?;
        let echoed = echo(&mut far)?;
        let came_back = near.receive(64).map(|packet| packet.len()).sum::<usize>();
        near.recycle();
        std::println!("{echoed} packet of {len_bytes} bytes echoed, {came_back} bytes came back");
    }
    Ok(())
}

/// Sends back what was received, over any backend: all the code that runs per packet.
fn echo<B: Backend>(socket: &mut Socket<'_, B>) -> Result<u32, Errno> {
    let (mut receiver, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(64);
    let mut echoed = 0;
    for packet in receiver.receive(reservation.len()) {
        echoed += u32::from(reservation.send(packet).is_ok());
    }
    socket.recycle();
    socket.flush().map(|()| echoed)
}
