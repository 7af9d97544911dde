//! Reading what callgrind wrote: how many instructions each function took, calls from it included.
//!
//! The format is described in valgrind's manual, "Callgrind Format Specification". What counts here:
//!
//! ```text
//! fn=(7) caller             a function, named where it first appears; later only (7)
//! cfn=(9) callee            one that it calls
//! calls=1000 42             how often, and where the callee starts
//! 17 365000                 from which line, and the instructions of all these calls
//! ```

use std::collections::HashMap;

/// What all calls of one function came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) calls: u64,
    /// Those of the functions it called included.
    pub(crate) instructions: u64,
}

/// The cost of every function that was called, by its full name.
///
/// # Errors
/// Says which line isn't as expected.
pub(crate) fn costs(text: &str) -> Result<HashMap<String, Cost>, String> {
    let mut names = HashMap::new();
    let mut costs: HashMap<String, Cost> = HashMap::new();
    let mut callee = None;
    let mut lines = text.lines();
    if !text.lines().any(|line| line == "events: Ir") {
        return Err("callgrind's output does not count instructions alone".to_owned());
    }
    while let Some(line) = lines.next() {
        if let Some(function) = line.strip_prefix("cfn=") {
            callee = Some(name(function, &mut names).ok_or_else(|| unexpected(line))?);
        } else if let Some(function) = line.strip_prefix("fn=") {
            name(function, &mut names).ok_or_else(|| unexpected(line))?;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let of_calls = lines.next().unwrap_or_default();
            let cost = costs
                .entry(callee.take().ok_or_else(|| unexpected(line))?)
                .or_default();
            cost.calls += number(calls, 0).ok_or_else(|| unexpected(line))?;
            cost.instructions += number(of_calls, 1).ok_or_else(|| unexpected(of_calls))?;
        }
    }
    Ok(costs)
}

/// The name behind `(7) name` or, once that was seen, behind `(7)`.
fn name(function: &str, names: &mut HashMap<String, String>) -> Option<String> {
    let (id, name) = match function.split_once(' ') {
        Some((id, name)) => (id, Some(name)),
        None => (function, None),
    };
    if let Some(name) = name {
        names.insert(id.to_owned(), name.to_owned());
    }
    names.get(id).cloned()
}

fn number(line: &str, word: usize) -> Option<u64> {
    line.split(' ').nth(word)?.parse().ok()
}

fn unexpected(line: &str) -> String {
    format!("callgrind's output has an unexpected line: {line:?}")
}

#[cfg(test)]
mod tests {
    use super::costs;

    const OUTPUT: &str = "\
# callgrind format
positions: line
events: Ir
summary: 500

fl=(1) a.rs
fn=(7) main
1 10
cfn=(9) bare::fill
calls=1000 42
+1 30000
* 5
cob=(2) /lib/other.so
cfi=(3) b.c
cfn=(10) memcpy
calls=2 0
* 80

fn=(9)
42 20000
cfn=(10)
calls=1000 0
+3 10000

fn=(11) other
5 1
cfn=(9)
calls=1 42
-2 31
";

    #[test]
    fn calls_from_everywhere_add_up_and_names_are_remembered() {
        let costs = costs(OUTPUT).expect("well formed");
        let cost = |name: &str| costs.get(name).map(|cost| (cost.calls, cost.instructions));
        assert_eq!(cost("bare::fill"), Some((1001, 30031)));
        assert_eq!(cost("memcpy"), Some((1002, 10080)));
        assert_eq!(cost("main"), None);
    }

    #[test]
    fn what_is_not_callgrinds_is_refused_by_line() {
        let refused = |text: &str| costs(text).expect_err("malformed");
        assert!(refused("events: Ir Dr\n").contains("instructions alone"));
        assert!(refused("events: Ir\ncfn=(4)\n").contains("\"cfn=(4)\""));
        assert!(refused("events: Ir\ncalls=1 2\n3 4\n").contains("\"calls=1 2\""));
        assert!(refused("events: Ir\ncfn=(4) f\ncalls=1 2\n3\n").contains("\"3\""));
    }
}
