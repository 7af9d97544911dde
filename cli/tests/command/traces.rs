//! What may be left behind, and must not be.

use std::fs;
use std::path::Path;
use std::time::Instant;

use xskit_testbed::{Host, Link, Namespace};

use crate::process::PATIENCE;

/// Whether an XDP program sits on the host's interface.
pub(crate) fn has_program(host: &Host) -> bool {
    has_program_on(&host.namespace, &host.link)
}

fn has_program_on(namespace: &Namespace, link: &Link) -> bool {
    let link = namespace.run(|| Link::by_index(link.index));
    !link.unwrap().unwrap().xdp.is_empty()
}

/// Returns when an XDP program sits on the host's interface.
pub(crate) fn await_program(host: &Host) {
    await_program_on(&host.namespace, &host.link);
}

/// Returns when an XDP program sits on this interface.
pub(crate) fn await_program_on(namespace: &Namespace, link: &Link) {
    wait_until("an XDP program", || has_program_on(namespace, link));
}

/// Packets that the host's interface has received since it was made.
fn received_packets(host: &Host) -> u64 {
    let table = host.run(|| fs::read_to_string("/proc/thread-self/net/dev"));
    let table = table.unwrap().unwrap();
    let name = format!("{}:", host.link.name);
    let columns = table
        .lines()
        .find_map(|line| line.trim().strip_prefix(&name));
    // Bytes, then packets. Source: net/core/net-procfs.c.
    let packets = columns.and_then(|columns| columns.split_whitespace().nth(1));
    packets.and_then(|packets| packets.parse().ok()).unwrap()
}

/// Returns when a thousand packets more have come to the host's interface.
pub(crate) fn await_packets(host: &Host) {
    let before = received_packets(host);
    wait_until("a flood", || received_packets(host) > before + 1_000);
}

/// Returns when this is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited for {what} in vain");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// The processes that were started with this variable, or by one that was.
pub(crate) fn processes_with(name: &str, value: &Path) -> Vec<String> {
    let variable = format!("{name}={}", value.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        // One that ends meanwhile, or a zombie, has no environment.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment
            .split(|byte| *byte == 0)
            .any(|it| it == variable.as_bytes())
        {
            found.push(pid);
        }
    }
    found
}

/// The names in a directory, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
