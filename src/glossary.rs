//! The words of AF_XDP, and those of this library, in the order in which a program meets them.
//!
//! | word | what it is | here |
//! | --- | --- | --- |
//! | AF_XDP socket | A Linux socket whose packets lie in memory that program and kernel share. It is bound to one queue of one interface. | [`Socket`] |
//! | queue | A network card spreads what it receives over several queues, numbered from 0, and sends from several. | [`SocketBuilder::queue`] |
//! | XDP program | What the kernel runs for each received packet before its own stack: it passes the packet on, drops it, or redirects it to a socket. | [`XdpProgram`], [`Rule`] |
//! | native, generic | Where the XDP program runs: in the driver, or in the kernel's stack, which works with every driver. | [`AttachMode`] |
//! | XSKMAP | The BPF map that says which socket gets what is redirected on a queue. | [`SocketMap`] |
//! | UMEM | The memory that packets lie in: one region, registered with the kernel, and cut into frames. Several sockets may share it. | [`Umem`], [`Sockets`] |
//! | frame, chunk | A piece of the UMEM of fixed size, which holds one packet. The kernel's header says chunk. | [`Frame`] |
//! | headroom | Bytes of a frame before its packet: 256 before one that was received. A header written there moves no byte. | [`Frame::grow_front`] |
//! | descriptor | What stands for a packet on a ring: where it lies in the UMEM, and its length. A *file descriptor* is something else. | [`Desc`] |
//! | ring | An array of slots in memory shared with the kernel, with a cursor for each side. Descriptors or addresses go one way through it. | [`ring`] |
//! | producer, consumer | The side that fills a ring's slots, and the side that takes from them. Each publishes its cursor for the other to read. | [`Producer`], [`Consumer`] |
//! | fill ring | Brings the kernel empty frames to receive into. | [`Socket::recycle`] |
//! | RX ring | Brings the program received packets. | [`Socket::receive`] |
//! | TX ring | Brings the kernel packets to send. | [`Socket::send`] |
//! | completion ring | Brings the program the frames of packets that the kernel is done with. | [`Socket::recycle`] |
//! | kick, wake | A system call that has the kernel look at the TX ring, and one that has it look at the fill ring. | [`Socket::flush`] |
//! | need-wakeup | A ring's flag, which the kernel sets when it does not look at the ring by itself. | [`TxHalf::needs_wakeup`] |
//! | budget | How many packets one kick sends in copy mode. | [`SocketBuilder::kick_budget`] |
//! | busy polling | The program's own calls have the device's packets processed, in the place of interrupts. | [`BusyPoll`] |
//! | copy, zero-copy | Whether the kernel copies each packet between its own memory and the frame, or the card reads and writes the frame itself. The driver decides whether it can. | [`ZeroCopy`], [`Obtained`] |
//! | stash | The free frames of a UMEM. | [`Socket::alloc`] |
//! | loan | A frame that the kernel has to receive into: from when it is put on the fill ring until its packet is taken off the RX ring. | [`SocketBuilder::lend`] |
//! | ledger | The record of which frames the kernel has. What the kernel returns is looked up there before it becomes a [`Frame`] again. | [`Accounting`] |
//! | retired | Out of use: a frame that the kernel had when its socket was closed, and may still write to. | [`Umem::replace_memory`] |
//! | backend | What makes the system calls: one by one, by io_uring, or a simulated kernel in tests. | [`Driving`], [`Backend`] |
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
