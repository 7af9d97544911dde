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
    xskit_backend_suite::veth!(|| super::waiting(super::Wait::Busy));
}

mod napi {
    xskit_backend_suite::veth!(|| super::waiting(super::Wait::Napi));
}

/// All but the million frames: on two cores, two of these threads leave little to the test itself.
macro_rules! with_thread {
    ($name:ident, $wait:ident) => {
        mod $name {
            xskit_backend_suite::veth! { || super::polled(super::Wait::$wait),
                a_taken_port_comes_to_the_socket_and_others_to_the_kernel
                the_kernel_accepts_what_is_sent_checksums_and_all
                frames_forwarded_stay_accounted_for
                what_the_kernel_refuses_is_named
                a_queue_is_free_again_after_a_wait
                a_wait_says_that_the_interface_is_gone
            }
        }
    };
}

with_thread!(sqpoll_block, Block);
with_thread!(sqpoll_poll, Poll);
with_thread!(sqpoll_multishot, Multishot);
with_thread!(sqpoll_busy, Busy);
