//! Sockets that another process created, opened without any capability. The ring needs none either,
//! in any way of waiting, nor does the kernel thread.

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

fn polled() -> UringConfig {
    UringConfig {
        sqpoll: Some(SqPoll::default()),
        ..waiting(Wait::Block)
    }
}

macro_rules! each {
    ($($name:ident: $config:expr;)*) => {
        $(mod $name {
            use super::*;
            xskit_backend_suite::received!(
                if is_there($config) => || make($config), UringBackend::adopt
            );
        })*
    };
}

each! {
    block: waiting(Wait::Block);
    multishot: waiting(Wait::Multishot);
    napi: waiting(Wait::Napi);
    sqpoll: polled();
}
