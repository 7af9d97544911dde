//! Nothing is left open, mapped or pinned. Alone in its process, because it counts the process's
//! resources.

mod availability;

use xskit_uring::{UringBackend, UringConfig, Wait};

fn config() -> UringConfig {
    UringConfig {
        wait: Wait::Multishot,
        ..UringConfig::default()
    }
}

xskit_backend_suite::leaks!(if availability::is_there(config()) => || {
    UringBackend::new(config()).expect("a ring")
});
