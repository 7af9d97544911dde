//! What a real kernel grants: the budget of a kick, busy polling, and waits without a call.
#![allow(unsafe_code)]

use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use xskit_core::backend::{Calls, Interest, SetOption};
use xskit_core::socket::{BusyPoll, BusyPolling, ZeroCopy};
use xskit_core::{Errno, Socket, SocketConfig};

use crate::RealBackend;
use crate::fixture::{Bed, MmapUmem};

const WANTED: BusyPoll = BusyPoll { us: 20, budget: 64 };

/// A configuration of a socket that only sends, in copy mode.
fn sender<B>(bed: &Bed<'_, B>) -> SocketConfig {
    SocketConfig {
        fill_frames: Some(0),
        zero_copy: ZeroCopy::Refuse,
        ..SocketConfig::new(bed.pair.first.link.index, 0)
    }
}

/// The same, with busy polling.
fn poller<B>(bed: &Bed<'_, B>, us: u32) -> SocketConfig {
    let busy_poll = Some(BusyPoll { us, ..WANTED });
    SocketConfig {
        busy_poll,
        ..sender(bed)
    }
}

/// Calls and submissions together.
fn kicks(calls: &Calls) -> u64 {
    calls.kicks + calls.submissions.kicks
}

fn wakes(calls: &Calls) -> u64 {
    calls.wakes + calls.submissions.wakes
}

/// Sends packets without a receiver. Returns the number of kicks.
fn send<'u, B: RealBackend>(
    socket: &mut Socket<'u, B>,
    umem: &'u MmapUmem<'_>,
    packets: u32,
) -> u64 {
    let before = socket.backend().calls();
    for _ in 0..packets {
        let mut frame = umem.alloc().expect("a free frame");
        frame.set_range(0..60).expect("inside the frame");
        frame.fill(0);
        socket.send(frame).expect("room");
    }
    socket.flush().expect("a kick");
    assert_eq!(socket.halves().1.waiting(), 0, "all were taken");
    kicks(&socket.backend().calls()) - kicks(&before)
}

/// One kick sends the whole TX ring if the kernel has the option, else 32 packets.
pub fn a_kick_sends_as_much_as_the_kernel_grants<B: RealBackend>(bed: Bed<'_, B>) {
    bed.open(&bed.pair.first, &sender(&bed), |socket, umem| {
        let budget = socket.obtained().kick_budget.map(NonZeroU32::get);
        // XDP_MAX_TX_SKB_BUDGET exists since Linux 6.17; its minimum is 32.
        let too_small = SetOption::TransmitBudget(31);
        let has_option = match socket.backend().set_option(socket.handle(), too_small) {
            Err(Errno::EACCES) => true,
            Err(Errno::ENOPROTOOPT) => false,
            answer => panic!("{answer:?}"),
        };
        assert_eq!(budget, Some(if has_option { 2048 } else { 32 }));
        assert_eq!(send(socket, umem, 200), if has_option { 1 } else { 7 });
    });
}

/// A budget of 32 is kept.
pub fn a_kick_sends_no_more_than_it_is_told_to<B: RealBackend>(bed: Bed<'_, B>) {
    let config = SocketConfig {
        kick_budget: Some(32),
        ..sender(&bed)
    };
    bed.open(&bed.pair.first, &config, |socket, umem| {
        assert_eq!(socket.obtained().kick_budget, NonZeroU32::new(32));
        assert_eq!(send(socket, umem, 200), 7);
    });
}

/// The kernel's values of SO_PREFER_BUSY_POLL and SO_BUSY_POLL. It does not report
/// SO_BUSY_POLL_BUDGET.
fn busy_poll(socket: &impl AsFd) -> (bool, u32) {
    let get = |name| {
        let (mut value, mut len) = (0u32, size_of::<u32>() as libc::socklen_t);
        // SAFETY: the kernel writes at most `len` bytes to `value` and one length to `len`, both of
        // them aligned locals that outlive the call.
        let failed = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                name,
                (&raw mut value).cast(),
                &raw mut len,
            )
        };
        assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
        value
    };
    (get(libc::SO_PREFER_BUSY_POLL) != 0, get(libc::SO_BUSY_POLL))
}

/// Busy polling is on and read back, and a flush that finds nothing polls.
pub fn busy_polling_is_on_when_all_of_it_is_granted<B: RealBackend>(bed: Bed<'_, B>) {
    let config = poller(&bed, WANTED.us);
    bed.open(&bed.pair.first, &config, |socket, _| {
        match socket.obtained().busy_poll {
            BusyPolling::On(granted) => {
                assert_eq!(granted, WANTED);
                assert_eq!(busy_poll(socket.handle()), (true, 20));
                let before = wakes(&socket.backend().calls());
                socket.flush().expect("a wake");
                assert_eq!(wakes(&socket.backend().calls()) - before, 1);
            }
            // A kernel before 5.11, or one without CONFIG_NET_RX_BUSY_POLL.
            BusyPolling::Refused { errno, .. } => assert_eq!(errno, Errno::ENOPROTOOPT),
            BusyPolling::Off => panic!("it was asked for"),
        }
    });
}

/// A time that is too long is refused, and what was granted before it is undone.
pub fn busy_polling_that_is_granted_in_part_is_undone<B: RealBackend>(bed: Bed<'_, B>) {
    let config = poller(&bed, 1 << 31);
    bed.open(&bed.pair.first, &config, |socket, _| {
        let BusyPolling::Refused { option, errno } = socket.obtained().busy_poll else {
            panic!("{:?}", socket.obtained().busy_poll);
        };
        if !matches!(option, SetOption::BusyPoll { .. }) {
            assert_eq!(errno, Errno::ENOPROTOOPT, "an older kernel");
            return;
        }
        assert_eq!(errno, Errno::EINVAL);
        assert_eq!(busy_poll(socket.handle()), (false, 0));
        // The kernel grants the first option, so undoing it was necessary.
        socket
            .backend()
            .set_option(socket.handle(), SetOption::PreferBusyPoll(true))
            .expect("what was granted before");
        assert_eq!(busy_poll(socket.handle()), (true, 0));
    });
}

/// Without CAP_NET_ADMIN the socket opens without busy polling.
pub fn busy_polling_without_the_capability_is_refused_and_the_socket_opens<B: RealBackend>(
    bed: Bed<'_, B>,
) {
    let config = poller(&bed, WANTED.us);
    bed.run(&bed.pair.first, |backend, umem| {
        // For this thread only, which runs in the first host for this test.
        let held = capabilities(None).expect("what this thread may");
        let effective = held.effective - CapabilitySet::NET_ADMIN;
        set_capabilities(None, CapabilitySets { effective, ..held }).expect("less than before");
        let socket = Socket::open(backend, umem, &config).expect("a socket");
        let BusyPolling::Refused { option, errno } = socket.obtained().busy_poll else {
            panic!("{:?}", socket.obtained().busy_poll);
        };
        assert_eq!(option, SetOption::PreferBusyPoll(true));
        assert!(
            matches!(errno, Errno::EPERM | Errno::ENOPROTOOPT),
            "{errno}"
        );
        assert_eq!(busy_poll(socket.handle()), (false, 0));
    });
}

/// Room on the TX ring is seen without a call; a wait for packets needs one.
pub fn an_empty_tx_ring_is_no_reason_to_call_the_kernel<B: RealBackend>(bed: Bed<'_, B>) {
    bed.open(&bed.pair.first, &sender(&bed), |socket, _| {
        let room = Interest {
            receive: false,
            transmit: true,
        };
        let before = socket.backend().calls();
        assert_eq!(socket.wait(room, None), Ok(true));
        assert_eq!(socket.backend().calls(), before);
        let soon = Some(Duration::from_millis(1));
        assert_eq!(socket.wait(Interest::RECEIVE, soon), Ok(false));
        let waits = socket.backend().calls().waits;
        assert!(waits > 0, "no packet is there, so the kernel is asked");
    });
}
