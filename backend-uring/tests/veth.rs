//! The suite that every backend passes, on veth pairs, waiting in each way, and with the kernel's
//! thread.

mod availability;

use availability::is_there;
use xskit_uring::{SqPoll, UringBackend, UringConfig, Wait};

fn waiting(wait: Wait) -> UringConfig {
    UringConfig {
        wait,
        ..UringConfig::default()
    }
}

fn polled(wait: Wait) -> UringConfig {
    UringConfig {
        sqpoll: Some(SqPoll::default()),
        ..waiting(wait)
    }
}

fn make(config: UringConfig) -> UringBackend {
    UringBackend::new(config).expect("a ring")
}

mod block {
    use super::*;
    xskit_backend_suite::veth!(if is_there(waiting(Wait::Block)) => || make(waiting(Wait::Block)));
}

mod poll {
    use super::*;
    xskit_backend_suite::veth!(if is_there(waiting(Wait::Poll)) => || make(waiting(Wait::Poll)));
}

mod multishot {
    use super::*;
    xskit_backend_suite::veth!(if is_there(waiting(Wait::Multishot)) => || make(waiting(Wait::Multishot)));
}

mod busy {
    use super::*;
    xskit_backend_suite::veth!(if is_there(waiting(Wait::Busy)) => few: || make(waiting(Wait::Busy)));
}

mod napi {
    use super::*;
    xskit_backend_suite::veth!(if is_there(waiting(Wait::Napi)) => || make(waiting(Wait::Napi)));
}

mod sqpoll_block {
    use super::*;
    xskit_backend_suite::veth!(if is_there(polled(Wait::Block)) => few: || make(polled(Wait::Block)));
}

mod sqpoll_poll {
    use super::*;
    xskit_backend_suite::veth!(if is_there(polled(Wait::Poll)) => few: || make(polled(Wait::Poll)));
}

mod sqpoll_multishot {
    use super::*;
    xskit_backend_suite::veth!(if is_there(polled(Wait::Multishot)) => few: || make(polled(Wait::Multishot)));
}

mod sqpoll_busy {
    use super::*;
    xskit_backend_suite::veth!(if is_there(polled(Wait::Busy)) => few: || make(polled(Wait::Busy)));
}
