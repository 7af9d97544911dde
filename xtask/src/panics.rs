//! Which functions of an assembly file lead to a panic.

use std::collections::{BTreeMap, BTreeSet};

/// What the panic handler of `core/freestanding/` calls.
pub(crate) const SYMBOL: &str = "the_hot_path_can_panic";

/// The functions with a plain name, so not mangled, from which calls and jumps lead to [`SYMBOL`].
pub(crate) fn callers(assembly: &str) -> Vec<String> {
    let mentions = mentions(assembly);
    let mut found = BTreeSet::from([SYMBOL]);
    let mut fresh = vec![SYMBOL];
    while let Some(name) = fresh.pop() {
        for caller in mentions.get(name).into_iter().flatten() {
            if found.insert(caller) {
                fresh.push(caller);
            }
        }
    }
    let is_plain = |name: &&&str| !name.starts_with("_R") && !name.starts_with("_ZN");
    found.remove(SYMBOL);
    found
        .iter()
        .filter(is_plain)
        .map(|name| (*name).to_owned())
        .collect()
}

/// For each name that instructions mention: the functions they are in.
fn mentions(assembly: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut mentions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut function = "";
    for line in assembly.lines() {
        // Labels stand at the start of a line; those with a dot are inside a function, or of data.
        match line.strip_suffix(':') {
            Some(label) if !label.starts_with(['\t', ' ', '.', '#', '/']) => function = label,
            _ => {}
        }
        let instruction = line.trim_start();
        if !line.starts_with('\t') || instruction.starts_with(['.', '#', '/']) {
            continue;
        }
        let part_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.');
        for name in instruction.split(|c| !part_of_name(c)).skip(1) {
            mentions.entry(name).or_default().insert(function);
        }
    }
    mentions
}

#[cfg(test)]
mod tests {
    use super::callers;

    const ASSEMBLY: &str = "\
\t.globl\tflush
flush:
.Lfunc_begin0:
\ttestl\t%eax, %eax
\tje\t.LBB0_1
\tretq
.LBB0_1:
\tcallq\t_RNv4core9panicking
refill:
\tmovl\t$1, %eax
\tretq
reap:
\tjmp\t_ZN4reap
_ZN4reap:
\tcallq\t_RNv4core9panicking
_RNv4core9panicking:
\tcallq\t*the_hot_path_can_panic@GOTPCREL(%rip)
\t.asciz\t\"refill the_hot_path_can_panic\"
";

    #[test]
    fn callers_are_found_through_other_functions() {
        assert_eq!(callers(ASSEMBLY), ["flush", "reap"]);
        assert_eq!(callers("refill:\n\tretq\n"), [""; 0]);
    }
}
