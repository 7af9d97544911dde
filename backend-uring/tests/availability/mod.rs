//! Whether a ring can be created here.

use xskit_uring::{UringBackend, UringConfig};

/// Where there is none, says so, and the test is counted as skipped.
pub(crate) fn is_there(config: UringConfig) -> bool {
    match UringBackend::new(config) {
        Ok(_) => true,
        Err(error) => {
            println!("skipped: needs io_uring: {error}");
            false
        }
    }
}
