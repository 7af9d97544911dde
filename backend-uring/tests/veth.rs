//! The suite that every backend passes, on veth pairs, waiting in each way, and with the kernel's
//! thread.

use xskit_uring::{SqPoll, UringBackend, UringConfig, Wait};

fn waiting(wait: Wait) -> UringBackend {
    let config = UringConfig {
        wait,
        ..UringConfig::default()
    };
    UringBackend::new(config).expect("a ring")
}

fn polled(wait: Wait) -> UringBackend {
    let config = UringConfig {
        wait,
        sqpoll: Some(SqPoll::default()),
        ..UringConfig::default()
    };
    UringBackend::new(config).expect("a ring with a thread")
}

mod block {
    xskit_backend_suite::veth!(|| super::waiting(super::Wait::Block));
}

mod poll {
    xskit_backend_suite::veth!(|| super::waiting(super::Wait::Poll));
}

mod multishot {
    xskit_backend_suite::veth!(|| super::waiting(super::Wait::Multishot));
}

mod busy {
    xskit_backend_suite::veth!(few: || super::waiting(super::Wait::Busy));
}

mod napi {
    xskit_backend_suite::veth!(|| super::waiting(super::Wait::Napi));
}

mod sqpoll_block {
    xskit_backend_suite::veth!(few: || super::polled(super::Wait::Block));
}

mod sqpoll_poll {
    xskit_backend_suite::veth!(few: || super::polled(super::Wait::Poll));
}

mod sqpoll_multishot {
    xskit_backend_suite::veth!(few: || super::polled(super::Wait::Multishot));
}

mod sqpoll_busy {
    xskit_backend_suite::veth!(few: || super::polled(super::Wait::Busy));
}
