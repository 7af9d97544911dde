//! Reads from callgrind's output how many instructions each function took, calls from it included.
//!
//! Source: valgrind's manual, "Callgrind Format Specification". The lines that count here:
//!
//! ```text
//! fn=(7) caller             a function, named where it first appears; later only (7)
//! cfn=(9) callee            one that it calls
//! calls=1000 42             how often, and where the callee starts
//! 17 365000                 from which line, and the instructions of all these calls
//! ```

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};

/// The total of all calls of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) calls: u64,
    /// With those of the functions it called.
    pub(crate) instructions: u64,
}

/// By the last parts of functions' names, such as `fill` for `rings::bare::fill`.
pub(crate) type Costs = HashMap<String, Cost>;

/// The costs of all functions that were called.
///
/// # Errors
/// Names the line that isn't as expected.
pub(crate) fn costs(text: &str) -> Result<Costs> {
    let (mut names, mut costs) = (HashMap::new(), Costs::new());
    let mut callee = None;
    let mut lines = text.lines();
    ensure!(
        text.lines().any(|line| line == "events: Ir"),
        "callgrind's output does not count instructions alone"
    );
    while let Some(line) = lines.next() {
        let unexpected =
            |line: &str| format!("callgrind's output has an unexpected line: {line:?}");
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if let "fn" | "cfn" = key {
            // `(7) name`, and from then on `(7)`.
            let (id, name) = value.split_once(' ').unzip();
            names.extend(id.zip(name));
            let name = names.get(id.unwrap_or(value));
            let name = *name.with_context(|| unexpected(line))?;
            callee = Some(name).filter(|_| key == "cfn");
        } else if key == "calls" {
            let of_calls = lines.next().unwrap_or_default();
            let callee = callee.take().with_context(|| unexpected(line))?;
            let callee = callee.rsplit("::").next().unwrap_or_default();
            let cost = costs.entry(callee.to_owned()).or_default();
            cost.calls += number(value, 0).with_context(|| unexpected(line))?;
            cost.instructions += number(of_calls, 1).with_context(|| unexpected(of_calls))?;
        }
    }
    Ok(costs)
}

fn number(line: &str, word: usize) -> Option<u64> {
    line.split(' ').nth(word)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::costs;

    const OUTPUT: &str = "\
events: Ir
summary: 500

fn=(7) main
1 10
cfn=(9) bare::fill
calls=1000 42
+1 30000
cob=(2) /lib/other.so
cfn=(10) memcpy
calls=2 0
* 80

fn=(9)
cfn=(10)
calls=1000 0
+3 10000

fn=(11) other
cfn=(9)
calls=1 42
-2 31
";

    #[test]
    fn calls_from_everywhere_add_up_and_names_are_remembered() {
        let costs = costs(OUTPUT).expect("well formed");
        let cost = |name: &str| costs.get(name).map(|cost| (cost.calls, cost.instructions));
        assert_eq!(cost("fill"), Some((1001, 30031)));
        assert_eq!(cost("memcpy"), Some((1002, 10080)));
        assert_eq!(cost("main"), None);
    }

    #[test]
    fn what_is_not_callgrinds_is_refused_by_line() {
        let refused = |text: &str| costs(text).expect_err("malformed").to_string();
        assert!(refused("events: Ir Dr\n").contains("instructions alone"));
        assert!(refused("events: Ir\ncfn=(4)\n").contains("\"cfn=(4)\""));
        assert!(refused("events: Ir\ncfn=(4) f\ncalls=1 2\n3\n").contains("\"3\""));
    }
}
