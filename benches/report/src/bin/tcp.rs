//! Measures HTTP over TCP: see [`xskit_report::tcp`]. `cargo xtask bench tcp` runs it.

fn main() -> std::process::ExitCode {
    xskit_report::tcp()
}
