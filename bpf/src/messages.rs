//! What libbpf has to say goes to `tracing`, not to stderr.

use std::sync::Once;

use libbpf_rs::{PrintLevel, set_print};

/// Routes libbpf's messages, which are one setting of the whole process, to `tracing::debug!`.
///
/// Debug level also for its warnings: each failure that they announce is returned as an error, and a driver that refuses
/// native mode is no failure. The log of the verifier is among them.
pub(crate) fn route() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_print(Some((PrintLevel::Debug, forward)));
    });
}

fn forward(level: PrintLevel, message: String) {
    tracing::debug!(target: "xskit_bpf::libbpf", ?level, "{}", message.trim_end());
}
