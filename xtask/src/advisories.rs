//! `cargo xtask advisories`: are the packages that strangers or the kernel reach those whose advisories were read?
//!
//! `cargo xtask test` asks cargo-deny as well, for every package, where RustSec's database can be fetched. This here
//! holds without: a version that moves has to be looked up before it passes.

use std::fs;
use std::process::ExitCode;

use crate::cargo;

/// The day of RustSec's database (github.com/rustsec/advisory-db, commit bf5c0d2) that the whole of Cargo.lock was last held
/// against; none of its advisories applied.
const READ_ON: &str = "2026-08-21";

/// Packages in the version whose advisories were read, and what each does. Those of TCP were read up to
/// RUSTSEC-2026-0285.
const READ: [(&str, &str, &str); 27] = [
    (
        "quiche",
        "0.30.0",
        "QUIC and HTTP/3: parses what strangers send",
    ),
    ("octets", "0.3.7", "the same, byte by byte"),
    ("boring", "5.4.0", "TLS"),
    ("boring-sys", "5.4.0", "TLS: BoringSSL itself"),
    ("http", "1.5.0", "parses URLs"),
    ("hyper", "1.12.0", "HTTP/1.1 and 2 over TCP"),
    ("h2", "0.4.20", "HTTP/2: parses what strangers send"),
    ("httparse", "1.10.1", "the same of HTTP/1.1"),
    ("rustls", "0.23.46", "TLS over TCP"),
    ("tokio-rustls", "0.26.6", "the same, on tokio"),
    ("tokio", "1.54.1", "waits for TCP"),
    (
        "compio-driver",
        "0.12.5",
        "the same by io_uring, into buffers",
    ),
    ("compio-net", "0.12.5", "its sockets"),
    ("compio-runtime", "0.12.6", "runs its tasks"),
    (
        "percent-encoding",
        "2.3.2",
        "decodes the paths that strangers ask for",
    ),
    ("sfv", "0.15.0", "parses the priorities that strangers send"),
    (
        "quinn-udp",
        "0.5.16",
        "receives and sends a UDP socket's datagrams",
    ),
    ("socket2", "0.6.5", "sets that socket's options"),
    ("rcgen", "0.14.10", "makes the demo's certificates"),
    ("ring", "0.17.14", "makes their keys"),
    (
        "io-uring",
        "0.7.16",
        "maps an io_uring's queues, and hands them over",
    ),
    ("libbpf-rs", "0.27.2", "loads the XDP program"),
    ("libbpf-sys", "1.7.0+v1.7.0", "libbpf itself"),
    ("rustix", "1.1.6", "system calls"),
    (
        "netlink-packet-route",
        "0.34.0",
        "parses what the kernel says of links, routes and neighbours",
    ),
    ("landlock", "0.4.8", "bounds the files of a server"),
    ("seccompiler", "0.5.0", "bounds its system calls"),
];

/// Fails if one of them is locked in another version.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    if !args.is_empty() {
        return Err("advisories takes no argument".to_owned());
    }
    let file = cargo::workspace().join("Cargo.lock");
    let lock = fs::read_to_string(&file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    println!("advisories were read on {READ_ON} for:");
    for (name, version, purpose) in READ {
        println!("  {name:<22}{version:<14}{purpose}");
    }
    let moved = moved(&lock, &READ);
    for line in &moved {
        println!("{line}");
    }
    Ok(if moved.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What to do about each that is locked in another version, or in several, or no more.
fn moved(lock: &str, read: &[(&str, &str, &str)]) -> Vec<String> {
    let mut moved = Vec::new();
    for (name, version, _) in read {
        let locked = locked(lock, name);
        if locked != [*version] {
            moved.push(format!(
                "{name}: Cargo.lock has {locked:?}, and advisories were read for {version}: read those of \
                 https://rustsec.org/packages/{name}.html, then write the version into xtask/src/advisories.rs"
            ));
        }
    }
    moved
}

/// The versions of a package in a lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Vec<&'a str> {
    let quoted = |line: &'a str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        value.strip_suffix('"')
    };
    let lines: Vec<_> = lock.lines().collect();
    lines
        .windows(2)
        .filter(|pair| quoted(pair[0], "name") == Some(name))
        .filter_map(|pair| quoted(pair[1], "version"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::moved;

    const LOCK: &str = "\
[[package]]
name = \"a\"
version = \"1.0.0\"

[[package]]
name = \"b\"
version = \"1.0.0\"
dependencies = [
 \"a\",
]

[[package]]
name = \"b\"
version = \"2.0.0\"
";

    #[test]
    fn what_moved_is_told_and_what_to_do() {
        assert!(moved(LOCK, &[("a", "1.0.0", "")]).is_empty());
        for read in [("a", "1.0.1", ""), ("b", "1.0.0", ""), ("c", "1.0.0", "")] {
            let told = moved(LOCK, &[read]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("rustsec.org/packages"), "{told:?}");
        }
    }
}
