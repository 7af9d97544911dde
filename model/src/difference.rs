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

/// Nothing, or a difference.
pub(crate) type Agreed = Result<(), Difference>;

/// Compares.
pub(crate) fn agree<T: PartialEq + fmt::Debug>(what: &'static str, is: T, should_be: T) -> Agreed {
    if is == should_be {
        return Ok(());
    }
    Err(Difference {
        what,
        is: format!("{is:?}"),
        should_be: format!("{should_be:?}"),
    })
}

/// Checks a rule, against the value that may break it.
pub(crate) fn holds(is_so: bool, rule: &'static str, seen: impl fmt::Debug) -> Agreed {
    if is_so {
        return Ok(());
    }
    Err(Difference {
        what: rule,
        is: format!("{seen:?}"),
        should_be: "otherwise".to_owned(),
    })
}
