//! Measures, and writes the report: see [`xskit_report::head_to_head`]. `cargo xtask bench` builds
//! what it needs and runs it.

fn main() -> std::process::ExitCode {
    xskit_report::head_to_head()
}
