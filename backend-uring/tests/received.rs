//! Sockets that were created elsewhere, opened without any capability: nor does a ring need one, in whichever
//! way it waits, nor the kernel's thread.

mod availability;

use availability::is_there;
use xskit_uring::{SqPoll, UringBackend, UringConfig, Wait};

fn waiting(wait: Wait) -> UringConfig {
    UringConfig {
        wait,
        ..UringConfig::default()
    }
}

fn make(config: UringConfig) -> UringBackend {
    UringBackend::new(config).expect("a ring")
}

mod block {
    use super::*;
    xskit_backend_suite::received!(
        if is_there(waiting(Wait::Block)) => || make(waiting(Wait::Block)), UringBackend::adopt
    );
}

mod multishot {
    use super::*;
    xskit_backend_suite::received!(
        if is_there(waiting(Wait::Multishot)) => || make(waiting(Wait::Multishot)), UringBackend::adopt
    );
}

mod napi {
    use super::*;
    xskit_backend_suite::received!(
        if is_there(waiting(Wait::Napi)) => || make(waiting(Wait::Napi)), UringBackend::adopt
    );
}

mod sqpoll {
    use super::*;

    fn polled() -> UringConfig {
        UringConfig {
            sqpoll: Some(SqPoll::default()),
            ..waiting(Wait::Block)
        }
    }

    xskit_backend_suite::received!(if is_there(polled()) => || make(polled()), UringBackend::adopt);
}
