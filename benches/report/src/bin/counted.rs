//! Counts instructions: see [`xskit_report::counted`]. `cargo xtask vm --count` runs it, in the
//! machine and outside.

fn main() -> std::process::ExitCode {
    xskit_report::counted()
}
