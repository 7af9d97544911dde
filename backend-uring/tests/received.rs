//! Sockets that were created elsewhere, set up by the calling thread or by the kernel's.

mod availability;

use availability::is_there;
use xskit_uring::{SqPoll, UringBackend, UringConfig};

fn make(config: UringConfig) -> UringBackend {
    UringBackend::new(config).expect("a ring")
}

fn polled() -> UringConfig {
    UringConfig {
        sqpoll: Some(SqPoll::default()),
        ..UringConfig::default()
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
    block: UringConfig::default();
    sqpoll: polled();
}
