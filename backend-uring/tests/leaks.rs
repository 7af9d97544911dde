//! Nothing is left open, mapped or pinned. Alone in its process, since it counts what the process has.

use xskit_uring::{UringBackend, UringConfig, Wait};

fn backend() -> UringBackend {
    let config = UringConfig {
        wait: Wait::Multishot,
        ..UringConfig::default()
    };
    UringBackend::new(config).expect("a ring")
}

xskit_backend_suite::leaks!(backend);
