//! A difference between the core and the oracle.

use std::fmt;

/// A result of the core that differs from the oracle's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: is {is}, should be {should_be}")]
pub struct Difference {
    what: &'static str,
    is: String,
    should_be: String,
}

impl Difference {
    /// A broken rule, and the value that broke it.
    pub(crate) fn broken(rule: &'static str, seen: impl fmt::Debug) -> Self {
        Self {
            what: rule,
            is: format!("{seen:?}"),
            should_be: "otherwise".to_owned(),
        }
    }
}

/// Compares.
pub(crate) fn agree<T: PartialEq + fmt::Debug>(
    what: &'static str,
    is: T,
    should_be: T,
) -> Result<(), Difference> {
    if is == should_be {
        return Ok(());
    }
    Err(Difference {
        what,
        is: format!("{is:?}"),
        should_be: format!("{should_be:?}"),
    })
}
