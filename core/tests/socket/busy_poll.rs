//! Busy polling: granted as a whole, or not at all.

use xskit_core::backend::{Backend, SetOption};
use xskit_core::socket::{BusyPoll, BusyPolling};
use xskit_core::{Errno, Socket, SocketConfig};

use super::{config, network, send, with_umems};

const WANTED: BusyPoll = BusyPoll { us: 20, budget: 64 };

fn polling(busy_poll: Option<BusyPoll>) -> SocketConfig {
    SocketConfig {
        busy_poll,
        ..config(1, 16, 8)
    }
}

#[test]
fn what_was_set_before_a_refusal_is_undone() {
    let prefer = SetOption::PreferBusyPoll(true);
    let (time, long) = (
        SetOption::BusyPoll { us: 20 },
        SetOption::BusyPoll { us: 1 << 31 },
    );
    let budget = SetOption::BusyPollBudget(64);
    let capability = "CAP_NET_ADMIN";
    // The time, and the option that the kernel refuses, how, and what is said of it.
    let cases = [
        (20, None, "20 us, 64 packets per call"),
        (20, Some((prefer, Errno::ENOPROTOOPT)), "Linux 5.11"),
        (20, Some((prefer, Errno::EPERM)), capability),
        (20, Some((time, Errno::EPERM)), capability),
        (20, Some((budget, Errno::EPERM)), capability),
        (1 << 31, Some((long, Errno::EINVAL)), "too large"),
    ];
    for (us, refused, text) in cases {
        let network = network();
        // No kernel takes a time that is too long: the simulated one refuses it by itself.
        if let Some((option, errno)) = refused.filter(|(option, _)| *option != long) {
            network.refuse(option.name(), errno);
        }
        with_umems(&network, 16, |backend, [umem]| {
            let wanted = BusyPoll { us, ..WANTED };
            let socket = Socket::open(backend, umem, &polling(Some(wanted)));
            let socket = socket.expect("it opens all the same");
            let obtained = socket.obtained().busy_poll;
            let (expected, set) = match refused {
                None => (BusyPolling::On(wanted), (true, 20, 64)),
                Some((option, errno)) => (BusyPolling::Refused { option, errno }, (false, 0, 0)),
            };
            assert_eq!(obtained, expected);
            assert_eq!(socket.handle().busy_poll(), set, "{obtained}");
            let name = refused.map_or("", |(option, _)| option.name());
            let says = obtained.to_string();
            assert!(says.contains(name) && says.contains(text), "{says}");
        });
    }
}

#[test]
fn the_device_is_polled_by_flushes_that_find_nothing() {
    let refused = network();
    refused.refuse("SO_PREFER_BUSY_POLL", Errno::EPERM);
    let cases = [
        ("granted", network(), Some(WANTED), [1, 0, 1]),
        ("not asked for", network(), None, [0; 3]),
        ("refused", refused, Some(WANTED), [0; 3]),
    ];
    for (case, network, busy_poll, expected) in cases {
        with_umems(&network, 16, |backend, [umem, peers]| {
            let mut socket = Socket::open(backend, umem, &polling(busy_poll)).expect("a socket");
            let mut peer = Socket::open(backend, peers, &config(2, 16, 0)).expect("its peer");
            let wakes = [false, true, false].map(|is_there| {
                if is_there {
                    send(&mut peer, peers, 1);
                    peer.flush().expect("a kick");
                }
                let before = backend.calls().wakes;
                socket.flush().expect("a wake");
                let wakes = backend.calls().wakes - before;
                assert_eq!(socket.receive(1).count(), usize::from(is_there));
                wakes
            });
            assert_eq!(wakes, expected, "{case}");
        });
    }
}
