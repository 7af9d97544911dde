//! `Kernel`: the socket, its system calls and their counts.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::error::UdpError;
use super::outbox::Piece;

/// The most messages that one call receives, each a datagram or, with GRO, up to 64.
pub(super) const MESSAGES: usize = 16;

/// Room for the longest message: a UDP datagram, or several joined by the kernel.
const MESSAGE_BYTES: usize = 1 << 16;

/// How long sends go without segmentation offload after one has failed.
const OFFLOAD_PAUSE: Duration = Duration::from_secs(1);

/// Errors to ignore: those that a connected socket reports of earlier datagrams (ICMP), and lack of
/// memory.
const PASSING: [Errno; 9] = [
    Errno::CONNREFUSED,
    Errno::HOSTUNREACH,
    Errno::HOSTDOWN,
    Errno::NETUNREACH,
    Errno::NOPROTOOPT,
    Errno::PROTO,
    Errno::MSGSIZE,
    Errno::NOMEM,
    Errno::NOBUFS,
];

/// System calls that a UDP driver made for packets. quinn-udp repeats a call that a signal
/// interrupts, and the first send that the kernel refuses (EINVAL); those repetitions are not
/// counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpCalls {
    /// recvmmsg(2), those that found nothing included.
    pub receives: u64,
    /// sendmsg(2), those that failed included.
    pub sends: u64,
    /// Those `sends` for which the socket had no room (EAGAIN).
    pub blocked_sends: u64,
    /// poll(2).
    pub waits: u64,
}

impl UdpCalls {
    /// All calls.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.receives + self.sends + self.waits
    }
}

/// A non-blocking UDP socket.
#[derive(Debug)]
pub(super) struct Kernel {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    wants_offload: bool,
    offload_checked: Instant,
    buffer: Box<[u8]>,
    calls: UdpCalls,
}

/// The result of a wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) to_receive: bool,
}

impl Kernel {
    /// `receive_buffer_bytes` is `SO_RCVBUF`; `None` leaves it as it is.
    pub(super) fn new(
        socket: UdpSocket,
        wants_offload: bool,
        receive_buffer_bytes: Option<usize>,
    ) -> Result<Self, UdpError> {
        let setup = |call| move |error: io::Error| UdpError::Setup(call, errno(&error));
        let state = UdpSocketState::new((&socket).into()).map_err(setup("setsockopt"))?;
        if let Some(bytes) = receive_buffer_bytes {
            let asked = state.set_recv_buffer_size((&socket).into(), bytes);
            asked.map_err(setup("setsockopt(SO_RCVBUF)"))?;
        }
        let local = socket.local_addr().map_err(setup("getsockname"))?;
        Ok(Self {
            socket,
            state,
            local,
            wants_offload,
            offload_checked: Instant::now(),
            buffer: vec![0; MESSAGES * MESSAGE_BYTES].into_boxed_slice(),
            calls: UdpCalls::default(),
        })
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn calls(&self) -> UdpCalls {
        self.calls
    }

    /// The most datagrams per send.
    pub(super) fn segments(&self) -> usize {
        if self.wants_offload {
            self.state.max_gso_segments().max(1)
        } else {
            1
        }
    }

    /// Tries segmentation offload again. quinn-udp disables it for good once a send fails with EIO
    /// or EINVAL. A source address that this host no longer has, or never had, is enough for that.
    pub(super) fn restore_offload(&mut self, now: Instant) {
        if !self.wants_offload || self.state.max_gso_segments() > 1 {
            self.offload_checked = now;
        } else if now.duration_since(self.offload_checked) >= OFFLOAD_PAUSE {
            self.offload_checked = now;
            if let Ok(state) = UdpSocketState::new((&self.socket).into()) {
                self.state = state;
            }
        }
    }

    /// Receives once, and passes each message to `take`: its bytes, the size of its datagrams,
    /// their source and their destination. Returns the number of messages.
    pub(super) fn receive(
        &mut self,
        mut take: impl FnMut(&mut [u8], usize, SocketAddr, SocketAddr),
    ) -> Result<usize, UdpError> {
        let mut metas = [RecvMeta::default(); MESSAGES];
        let mut parts = self.buffer.chunks_mut(MESSAGE_BYTES);
        let mut slices: [IoSliceMut<'_>; MESSAGES] =
            array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        self.calls.receives += 1;
        let socket = UdpSockRef::from(&self.socket);
        let count = match self.state.recv(socket, &mut slices, &mut metas) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => match Errno::from_io_error(&error) {
                Some(errno) if PASSING.contains(&errno) => 0,
                _ => return Err(UdpError::Receive(errno(&error))),
            },
        };
        for (meta, slice) in metas.iter().take(count).zip(&mut slices) {
            let to = meta.dst_ip.unwrap_or(self.local.ip());
            let to = SocketAddr::new(to, self.local.port());
            if let Some(bytes) = slice.get_mut(..meta.len) {
                take(bytes, meta.stride, meta.addr, to);
            }
        }
        Ok(count)
    }

    /// Sends once.
    pub(super) fn send(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.calls.sends += 1;
        let transmit = Transmit {
            destination: piece.to,
            // quiche neither marks packets nor reports the peer's ECN counts.
            ecn: None,
            contents: piece.bytes,
            segment_size: piece.segment,
            src_ip: self.source(piece.from.ip()),
        };
        let sent = self.state.try_send((&self.socket).into(), &transmit);
        if let Err(error) = &sent {
            match error.kind() {
                io::ErrorKind::WouldBlock => self.calls.blocked_sends += 1,
                _ => {
                    tracing::debug!(%error, to = %piece.to, bytes = piece.bytes.len(), "sendmsg");
                }
            }
        }
        sent
    }

    /// The source address to set; none if the socket is bound to one.
    fn source(&self, from: IpAddr) -> Option<IpAddr> {
        let is_told = self.local.ip().is_unspecified() && !from.is_unspecified();
        is_told.then_some(from)
    }

    /// Waits until there is something to receive, until there is room to send if sending
    /// `is_blocked`, or until `timeout` has passed.
    pub(super) fn wait(&mut self, is_blocked: bool, timeout: Duration) -> Result<Ready, UdpError> {
        let mut interest = PollFlags::IN;
        interest.set(PollFlags::OUT, is_blocked);
        let mut fds = [PollFd::new(&self.socket, interest)];
        let timeout = Timespec::try_from(timeout).ok();
        self.calls.waits += 1;
        match poll(&mut fds, timeout.as_ref()) {
            // A socket error (POLLERR) is fetched by receiving, too.
            Ok(_) => Ok(Ready {
                to_receive: !(fds[0].revents() - PollFlags::OUT).is_empty(),
            }),
            Err(Errno::INTR) => Ok(Ready { to_receive: true }),
            Err(errno) => Err(UdpError::Wait(xskit_core::Errno(errno.raw_os_error()))),
        }
    }
}

fn errno(error: &io::Error) -> xskit_core::Errno {
    error
        .raw_os_error()
        .map_or(xskit_core::Errno::EINVAL, xskit_core::Errno)
}
