//! What a user of the crate must not be able to write, and beside it what they are meant to write.
//!
//! Each file in `compile_fail/` breaks the ownership of a frame in one way; its `.stderr` says what
//! the compiler has to say to it, so that a case can't pass by failing for another reason. After a
//! change of messages: `TRYBUILD=overwrite cargo test -p xskit-core --test compile_fail`, and read
//! the difference.

use std::env;
use std::path::Path;
use std::process::Command;

/// The compiler that the `.stderr` files are of: its messages change from version to version.
const MESSAGES_OF: &str = "1.95";

#[test]
fn the_right_use_compiles_and_what_breaks_ownership_does_not() {
    let cases = trybuild::TestCases::new();
    // Passing cases are built to the end, and so the failing ones beside them are too: the constant
    // in `Socket::open` is computed only then.
    cases.pass("tests/compile_pass/*.rs");
    let version = rustc(&["--version"]);
    if !version.starts_with(&format!("rustc {MESSAGES_OF}.")) {
        println!(
            "skipped: needs rustc {MESSAGES_OF}, whose messages are compared (this is {version})"
        );
        return;
    }
    cases.compile_fail("tests/compile_fail/*.rs");
    // Messages that quote the standard library, if its source is there to quote.
    let rust_src = Path::new(&rustc(&["--print", "sysroot"])).join("lib/rustlib/src");
    if rust_src.exists() {
        println!("skipped: needs a toolchain without rust-src");
    } else {
        cases.compile_fail("tests/compile_fail/without_rust_src/*.rs");
    }
}

fn rustc(args: &[&str]) -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(args).output();
    let stdout = output.expect("the compiler that built this test").stdout;
    String::from_utf8_lossy(&stdout).trim().to_owned()
}
