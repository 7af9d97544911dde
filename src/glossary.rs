//! The terms of AF_XDP and of this library, in the order in which a program meets them.
//!
//! | term | meaning | here |
//! | --- | --- | --- |
//! | AF_XDP socket | A Linux socket whose packets lie in memory shared between the program and the kernel. It is bound to one queue of one interface. | [`Socket`] |
//! | queue | A network card distributes received packets over several queues, numbered from 0, and sends from several. | [`SocketBuilder::queue`] |
//! | XDP program | A program that the kernel runs for each received packet, before its own stack. It passes the packet on, drops it, or redirects it to a socket. | [`XdpProgram`], [`Rule`] |
//! | native, generic | The mode of the XDP program: in the driver, or in the kernel's stack, which works with every driver. | [`AttachMode`] |
//! | XSKMAP | The BPF map that holds the socket of each queue, to which the program redirects packets. | [`SocketMap`] |
//! | UMEM | The memory for packets: one region, registered with the kernel and cut into frames. Several sockets may share it. | [`Umem`], [`Sockets`] |
//! | frame, chunk | A piece of the UMEM of fixed size, which holds one packet. The kernel's header calls it a chunk. | [`Frame`] |
//! | headroom | The bytes of a frame before its packet: 256 before a received packet. A header can be prepended there without moving a byte. | [`Frame::grow_front`] |
//! | descriptor | An entry for a packet on a ring: its place in the UMEM, and its length. A *file descriptor* is something else. | [`Desc`] |
//! | ring | An array of slots in memory shared with the kernel, with a cursor for each side. Descriptors or addresses pass through it in one direction. | [`ring`] |
//! | producer, consumer | The side that fills a ring's slots, and the side that empties them. Each publishes its cursor for the other. | [`Producer`], [`Consumer`] |
//! | fill ring | Passes empty frames to the kernel, to receive into. | [`Socket::recycle`] |
//! | RX ring | Passes received packets to the program. | [`Socket::receive`] |
//! | TX ring | Passes packets to the kernel, to send. | [`Socket::send`] |
//! | completion ring | Passes frames back to the program, once the kernel is done with their packets. | [`Socket::recycle`] |
//! | kick, wake | A system call that makes the kernel look at the TX ring; one that makes it look at the fill ring. | [`Socket::flush`] |
//! | need-wakeup | A ring's flag. The kernel sets it while it does not look at the ring by itself. | [`TxHalf::needs_wakeup`] |
//! | budget | The number of packets that one kick sends in copy mode. | [`SocketBuilder::kick_budget`] |
//! | busy polling | The program's own calls process the device's packets, instead of interrupts. | [`BusyPoll`] |
//! | copy, zero-copy | The kernel copies each packet between its own memory and the frame, or the card reads and writes the frame itself. Zero-copy needs a driver that supports it. | [`ZeroCopy`], [`Obtained`] |
//! | stash | The free frames of a UMEM. | [`Socket::alloc`] |
//! | loan | A frame that the kernel has to receive into, from the fill ring until its packet is taken off the RX ring. | [`SocketBuilder::lend`] |
//! | ledger | The record of the frames that the kernel has. A returned frame is looked up there before it becomes a [`Frame`] again. | [`Accounting`] |
//! | retired | Out of use: a frame that the kernel had when its socket was closed, and may still write to. | [`Umem::replace_memory`] |
//! | backend | The part that makes the system calls: directly, by io_uring, or on a simulated kernel in tests. | [`Driving`], [`Backend`] |
//!
//! [`Accounting`]: crate::af_xdp::socket::Accounting
//! [`AttachMode`]: crate::bpf::AttachMode
//! [`Backend`]: crate::af_xdp::Backend
//! [`BusyPoll`]: crate::af_xdp::socket::BusyPoll
//! [`Consumer`]: crate::af_xdp::ring::Consumer
//! [`Desc`]: crate::af_xdp::abi::Desc
//! [`Driving`]: crate::Driving
//! [`Frame`]: crate::af_xdp::umem::Frame
//! [`Frame::grow_front`]: crate::af_xdp::umem::Frame::grow_front
//! [`Obtained`]: crate::af_xdp::socket::Obtained
//! [`Producer`]: crate::af_xdp::ring::Producer
//! [`Rule`]: crate::bpf::Rule
//! [`Socket`]: crate::Socket
//! [`Socket::alloc`]: crate::af_xdp::Socket::alloc
//! [`Socket::flush`]: crate::af_xdp::Socket::flush
//! [`Socket::receive`]: crate::af_xdp::Socket::receive
//! [`Socket::recycle`]: crate::af_xdp::Socket::recycle
//! [`Socket::send`]: crate::af_xdp::Socket::send
//! [`SocketBuilder::kick_budget`]: crate::SocketBuilder::kick_budget
//! [`SocketBuilder::lend`]: crate::SocketBuilder::lend
//! [`SocketBuilder::queue`]: crate::SocketBuilder::queue
//! [`SocketMap`]: crate::bpf::SocketMap
//! [`Sockets`]: crate::Sockets
//! [`TxHalf::needs_wakeup`]: crate::af_xdp::socket::TxHalf::needs_wakeup
//! [`Umem`]: crate::af_xdp::umem::Umem
//! [`Umem::replace_memory`]: crate::af_xdp::umem::Umem::replace_memory
//! [`XdpProgram`]: crate::bpf::XdpProgram
//! [`ZeroCopy`]: crate::af_xdp::socket::ZeroCopy
//! [`ring`]: crate::af_xdp::ring
