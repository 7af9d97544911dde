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

macro_rules! each {
    ($($name:ident: $config:expr $(=> $few:ident)?;)*) => {
        $(mod $name {
            use super::*;
            xskit_backend_suite::veth!(if is_there($config) => $($few:)? || make($config));
        })*
    };
}

each! {
    block: waiting(Wait::Block);
    poll: waiting(Wait::Poll);
    multishot: waiting(Wait::Multishot);
    busy: waiting(Wait::Busy) => few;
    napi: waiting(Wait::Napi);
    sqpoll_block: polled(Wait::Block) => few;
    sqpoll_poll: polled(Wait::Poll) => few;
    sqpoll_multishot: polled(Wait::Multishot) => few;
    sqpoll_busy: polled(Wait::Busy) => few;
}
