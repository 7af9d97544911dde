//! How a command's failure is told.

/// The whole chain of causes on one line. A cause that the text before it tells already, as texts
/// that stand on their own do, is not repeated.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::describe;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow!("no such file").context("can't read x (no such file)");
        assert_eq!(describe(&error), "can't read x (no such file)");
        let error = anyhow!("no such file").context("open").context("reading x");
        assert_eq!(describe(&error), "reading x: open: no such file");
    }
}
