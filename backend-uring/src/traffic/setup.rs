//! The set-up by submission if the kernel has it, else by the direct call.
//!
//! The kernel may know an operation and still refuse it for this kind of socket, with an errno that
//! bad arguments have as well. So a refused operation is retried directly; if that works, the ring
//! is not tried again.
#![allow(unsafe_code)]

use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{opcode, types::Fd};
use xskit_core::Errno;
use xskit_core::abi::{self, SockaddrXdp};
use xskit_core::backend::{Backend, SetOption};
use xskit_rustix::until_released;

use super::Traffic;
use crate::answer::Asked;
use crate::operand::Operand;
use crate::route::{Reason, Route};
use crate::socket::UringSocket;

impl Traffic {
    /// `socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)`. IORING_OP_SOCKET: Linux 5.19.
    pub(crate) fn open(&mut self, route: &mut Route) -> Result<OwnedFd, Errno> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let entry = opcode::Socket::new(i32::from(abi::AF_XDP), kind, 0).build();
        let fd = self.by_either(route, Asked::Socket, entry, None, |direct| direct.open())?;
        Ok(match fd {
            // SAFETY: the kernel made this descriptor for us just now, and nobody else has it.
            Answer::OfRing(fd) => unsafe { OwnedFd::from_raw_fd(fd) },
            Answer::OfCall(fd) => fd,
        })
    }

    /// `setsockopt(2)`. IORING_OP_URING_CMD of it: Linux 6.7.
    pub(crate) fn set_option(
        &mut self,
        route: &mut Route,
        socket: &UringSocket,
        option: SetOption,
    ) -> Result<(), Errno> {
        let own = self.accounts.own(socket)?;
        let (level, name, operand) = Operand::of(option);
        let fd = Fd(own.as_raw_fd());
        let (value, len_bytes) = (operand.as_ptr(), operand.len_bytes());
        let entry =
            opcode::SetSockOpt::new(fd, level as u32, name as u32, value, len_bytes).build();
        let set = |direct: &xskit_rustix::RustixBackend| direct.set_option(own, option);
        let asked = Asked::Of(socket.number);
        self.by_either(route, asked, entry, Some(operand), set)
            .map(drop)
    }

    /// `bind(2)`, over the UMEM of another socket if one is given; retried while the queue is being
    /// released. IORING_OP_BIND: Linux 6.11.
    pub(crate) fn bind(
        &mut self,
        route: &mut Route,
        socket: &UringSocket,
        address: &SockaddrXdp,
        shared: Option<&UringSocket>,
    ) -> Result<(), Errno> {
        if (address.flags & abi::bind_flags::SHARED_UMEM != 0) != shared.is_some() {
            return Err(Errno::EINVAL);
        }
        let own = self.accounts.own(socket)?;
        let shared = shared.map(|with| self.accounts.own(with)).transpose()?;
        let address = SockaddrXdp {
            shared_umem_fd: shared.map_or(0, |with| with.as_raw_fd() as u32),
            ..*address
        };
        let asked = Asked::Of(socket.number);
        until_released(|| {
            let operand = Operand::of_address(address);
            let (at, len_bytes) = (operand.as_ptr(), operand.len_bytes());
            let entry = opcode::Bind::new(Fd(own.as_raw_fd()), at, len_bytes).build();
            let bind = |direct: &xskit_rustix::RustixBackend| match shared {
                None => direct.bind(own, &address),
                Some(with) => direct.bind_shared(own, &address, with),
            };
            self.by_either(route, asked, entry, Some(operand), bind)
                .map(drop)
        })
    }

    /// Goes through the ring if that is the route, and directly if the ring seems not to know the
    /// operation.
    fn by_either<T>(
        &mut self,
        route: &mut Route,
        asked: Asked,
        entry: Entry,
        operand: Option<Operand>,
        direct: impl FnOnce(&xskit_rustix::RustixBackend) -> Result<T, Errno>,
    ) -> Result<Answer<T>, Errno> {
        let refused = match *route {
            Route::Direct(_) => None,
            Route::Submission => match self.call(asked, entry, operand) {
                Ok(answer) => return Ok(Answer::OfRing(answer)),
                Err(errno) if !may_be_unknown(errno) => return Err(errno),
                Err(errno) => Some(errno),
            },
        };
        let done = direct(&self.direct)?;
        if let Some(errno) = refused {
            *route = Route::Direct(Reason::Refused(errno));
        }
        Ok(Answer::OfCall(done))
    }

    /// Submits one entry and waits for its completion.
    fn call(&mut self, asked: Asked, entry: Entry, operand: Option<Operand>) -> Result<i32, Errno> {
        self.hand_over()?;
        let tag = self.answers.expect(asked);
        let entry = entry.user_data(tag.number());
        // SAFETY: what the entry names is `operand`, on the heap and of the type that the operation
        // reads. It is freed only after the completion; without one it is leaked below.
        if unsafe { self.ring.push_entry(&entry) }.is_err() {
            return Err(Errno::EBUSY);
        }
        self.direct.count(|calls| calls.submissions.setup += 1);
        loop {
            let entered = self.enter(1, None, |calls| calls.setup += 1);
            if let Some(answer) = self.answers.take() {
                return if answer < 0 {
                    Err(Errno(-answer))
                } else {
                    Ok(answer)
                };
            }
            if let Err(error) = entered
                && !error.is_transient()
            {
                // The entry may still be on the queue or under way: its operand and its socket must
                // stay.
                mem::forget(operand);
                self.answers.give_up();
                if let Some(account) = self.accounts.get_mut(tag.socket) {
                    account.late += 1;
                }
                return Err(error);
            }
        }
    }
}

/// Which of the two did it.
enum Answer<T> {
    OfRing(i32),
    OfCall(T),
}

/// Whether an errno may mean that the ring can't do this, rather than that the arguments are wrong.
fn may_be_unknown(errno: Errno) -> bool {
    matches!(errno, Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    use io_uring::{opcode, types::Fd};
    use xskit_core::Errno;
    use xskit_core::abi::{SOL_XDP, sockopt};
    use xskit_core::backend::Backend;
    use xskit_rustix::RustixBackend;

    use super::super::{Traffic, fixture};
    use super::{Answer, Asked, Reason, Route};
    use crate::config::UringConfig;
    use crate::probe;
    use crate::ring::Request;

    /// A socket without an account.
    const OTHER: Asked = Asked::Of(7);

    #[test]
    fn a_socket_with_a_late_entry_is_not_at_rest() {
        let Some((mut traffic, socket, _peer)) = fixture::open() else {
            return;
        };
        let late = traffic.answers.expect(Asked::Of(socket.number));
        traffic.answers.give_up();
        let account = traffic.accounts.get_mut(socket.number).expect("open");
        account.late += 1;
        assert!(account.is_busy());
        traffic.push(Request::Nothing, late).expect("room");
        assert!(traffic.retire(socket.number));
    }

    #[test]
    fn what_the_ring_refuses_is_done_directly_from_then_on() {
        let ring = match probe::ring(&UringConfig::default()) {
            Ok(ring) => ring,
            Err(error) => {
                println!("skipped: needs io_uring: {error}");
                return;
            }
        };
        let mut traffic = Traffic::new(ring, RustixBackend::new());
        let (socket, _peer) = UnixDatagram::pair().expect("two sockets");
        // No ring can read an option of this level.
        let (level, name) = (SOL_XDP as u32, sockopt::OPTIONS as u32);
        let fd = Fd(socket.as_raw_fd());
        let entry = || opcode::GetSockOpt::new(fd, level, name, std::ptr::null_mut(), 0).build();
        let mut route = Route::Submission;
        let failed = traffic.by_either(&mut route, OTHER, entry(), None, |_| {
            Err::<(), _>(Errno::ENODEV)
        });
        assert_eq!(failed.err(), Some(Errno::ENODEV));
        assert_eq!(route, Route::Submission, "nothing learnt");
        for _ in 0..2 {
            let done = traffic.by_either(&mut route, OTHER, entry(), None, |_| Ok(7));
            assert!(matches!(done, Ok(Answer::OfCall(7))));
            let Route::Direct(Reason::Refused(_)) = route else {
                panic!("the ring did it: {route}");
            };
        }
        assert_eq!(traffic.direct.calls().submissions.setup, 2);
    }
}
