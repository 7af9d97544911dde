//! The answers file: paragraphs written by people, and tables written by a run, between marks.
//!
//! ```text
//! <!-- table: budget -->
//! | … |
//! <!-- end -->
//! ```

use anyhow::{Context, ensure};

const BEGIN: &str = "<!-- table: ";
const BEGIN_CLOSES: &str = " -->";
const END: &str = "<!-- end -->";

/// The text with each table replaced by what `table` returns for its name. An empty text replaces
/// nothing.
///
/// # Errors
/// Where marks don't match, or `table` returns `None`: the name is unknown.
pub(crate) fn with_tables(
    text: &str,
    table: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<String> {
    let mut made = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        made.push_str(line);
        made.push('\n');
        let Some(name) = name(line) else {
            ensure!(line != END, "{END} without a table that begins");
            continue;
        };
        let mut old = String::new();
        loop {
            let line = lines
                .next()
                .with_context(|| format!("table {name} has no {END}"))?;
            ensure!(self::name(line).is_none(), "table {name} has no {END}");
            if line == END {
                break;
            }
            old.push_str(line);
            old.push('\n');
        }
        let new = table(name).with_context(|| format!("there is no table {name}"))?;
        made.push_str(if new.is_empty() { &old } else { &new });
        made.push_str(END);
        made.push('\n');
    }
    Ok(made)
}

/// The names of all tables, in order.
#[cfg(test)]
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(name)
}

fn name(line: &str) -> Option<&str> {
    line.strip_prefix(BEGIN)?.strip_suffix(BEGIN_CLOSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Answers\n\n<!-- table: one -->\nold\nolder\n<!-- end -->\n\nWhy.\n<!-- table: two -->\n<!-- end -->\n";

    #[test]
    fn tables_are_replaced_and_paragraphs_and_what_was_not_measured_stay() {
        let with_new = |text: &str| with_tables(text, |name| Some(format!("new {name}\n")));
        let made = with_new(TEXT).expect("marks match");
        let expected = TEXT
            .replace("old\nolder\n", "new one\n")
            .replace("two -->\n", "two -->\nnew two\n");
        assert_eq!(made, expected);
        assert_eq!(with_new(&made).expect("marks match"), made);
        assert_eq!(names(TEXT).collect::<Vec<_>>(), ["one", "two"]);
        let unmeasured = with_tables(TEXT, |_| Some(String::new()));
        assert_eq!(unmeasured.expect("marks match"), TEXT);
    }

    #[test]
    fn marks_without_a_partner_and_unknown_names_are_errors() {
        let known = |name: &str| (name == "a").then(String::new);
        for (text, problem) in [
            ("<!-- table: a -->\nrow\n", "table a has no"),
            (
                "<!-- table: a -->\n<!-- table: a -->\n<!-- end -->\n",
                "table a has no",
            ),
            ("<!-- end -->\n", "without a table"),
            ("<!-- table: b -->\n<!-- end -->\n", "no table b"),
        ] {
            let refused = format!("{:#}", with_tables(text, known).expect_err("refused"));
            assert!(refused.contains(problem), "{text}: {refused}");
        }
    }
}
