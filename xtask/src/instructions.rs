//! `cargo xtask instructions`: instructions per descriptor of every job that `benches/rivals` does, by libxdp's inline
//! functions, by our rings, and by a socket with its ledger and without; and of a forwarder's turn by the core's socket and
//! by the one that is kept. Counted by callgrind.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::callgrind::{self, Cost};
use crate::cargo;
use crate::probe;
use crate::requirement::{CLANG, LIBXDP, VALGRIND};
use crate::setup;
use crate::table::Table;
use crate::trusting::Build;

const PROGRAM: &str = "ring_instructions";

/// What has a turn by either socket, on a real kernel.
const FACE: &str = "face_path";

const BATCHES: [u64; 3] = [1, 16, 64];

/// Descriptors in each job: a multiple of every batch and of every ring's size, so that the looks at the other end's
/// cursor that come once in many batches are counted in full.
const DESCRIPTORS: u64 = 1 << 15;

const HEAD: [&str; 8] = [
    "instructions a descriptor",
    "batch",
    "libxdp",
    "rings",
    "rings - libxdp",
    "Socket",
    "without ledger",
    "ledger",
];

/// A row: its name, and the functions of libxdp, of our rings and of the socket that do the job.
struct Job {
    name: &'static str,
    libxdp: &'static str,
    bare: &'static str,
    socket: Option<&'static str>,
}

const JOBS: [Job; 7] = [
    Job::new(
        "fill: produce; refill",
        "libxdp_fill",
        "bare_fill",
        Some("socket_refill"),
    ),
    Job::new(
        "RX: consume; receive",
        "libxdp_rx",
        "bare_rx",
        Some("socket_receive"),
    ),
    Job::new(
        "TX: produce; send",
        "libxdp_tx",
        "bare_tx",
        Some("socket_send"),
    ),
    Job::new(
        "completion: consume; reap",
        "libxdp_completion",
        "bare_completion",
        Some("socket_reap"),
    ),
    Job::new(
        "flags: look; flush",
        "libxdp_flags",
        "bare_flags",
        Some("socket_flush"),
    ),
    Job::new("round trip", "libxdp_round_trip", "bare_round_trip", None),
    Job::new(
        "round trip with flags",
        "libxdp_forward",
        "bare_forward",
        Some("socket_forward"),
    ),
];

impl Job {
    const fn new(
        name: &'static str,
        libxdp: &'static str,
        bare: &'static str,
        socket: Option<&'static str>,
    ) -> Self {
        Self {
            name,
            libxdp,
            bare,
            socket,
        }
    }
}

/// Builds, counts, prints.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    if !args.is_empty() {
        return Err("instructions takes no argument".to_owned());
    }
    setup::ensure()?;
    if let Err(problem) = setup::ensure_also(&[&VALGRIND, &LIBXDP, &CLANG]) {
        eprintln!("note: {problem}");
    }
    let valgrind = probe::on_path("valgrind").ok_or("valgrind counts the instructions")?;
    let programs = Build::WithLedger.programs(&[PROGRAM, FACE])?;
    let program = programs.join(PROGRAM);
    let trusting = Build::WithoutLedger.programs(&[PROGRAM])?.join(PROGRAM);
    let mut table = Table::new(&HEAD);
    let mut about_libxdp = String::new();
    let mut counts = Vec::new();
    for batch in BATCHES {
        let args = [batch, DESCRIPTORS / batch];
        let (said, costs) = count(&valgrind, &program, &args)?;
        let (_, without) = count(&valgrind, &trusting, &args)?;
        about_libxdp = said;
        counts.push((batch, costs, without));
    }
    for job in &JOBS {
        for (batch, costs, without) in &counts {
            table.push(row(job, *batch, costs, without)?);
        }
    }
    print!("{table}");
    println!("\n{about_libxdp}");
    println!(
        "rings - libxdp is the difference of the two; ledger that of Socket with it and without."
    );
    match count(&valgrind, &programs.join(FACE), &[DESCRIPTORS]) {
        Ok((_, costs)) => println!("\n{}", through_the_face(&costs)?),
        Err(problem) => eprintln!("note: {problem}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// A forwarder's turn, real system calls' wrappers included, by the core's socket and by the one that is kept.
fn through_the_face(costs: &HashMap<String, Cost>) -> Result<String, String> {
    let of = |function| {
        let cost = find(costs, function)?.ok_or_else(|| format!("{function} was not called"))?;
        Ok::<_, String>(cost.instructions as f64 / DESCRIPTORS as f64)
    };
    let (core, face, large) = (of("core_turn")?, of("face_turn")?, of("large_turn")?);
    Ok(format!(
        "A forwarded packet of 60 bytes, in turns of 64 over a veth pair: {core:.2} instructions by xskit_core::Socket, \
         {face:.2} by xskit::Socket; {large:.2} of 1,400 bytes."
    ))
}

/// Runs the program under callgrind. Returns what it said and the cost of each of its functions.
fn count(
    valgrind: &Path,
    program: &Path,
    args: &[u64],
) -> Result<(String, HashMap<String, Cost>), String> {
    let name = program.file_name().unwrap_or_default().display();
    let args: Vec<_> = args.iter().map(u64::to_string).collect();
    let out = cargo::target().join(format!("callgrind.{name}.{}", args.join(".")));
    let output = Command::new(valgrind)
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(&args)
        .output()
        .map_err(|error| format!("valgrind can't be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} under valgrind failed:\n{said}"));
    }
    let text = fs::read_to_string(&out)
        .map_err(|error| format!("{} can't be read: {error}", out.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((said, callgrind::costs(&text)?))
}

/// One job at one batch, by what the build with the ledger and the one without came to.
fn row(
    job: &Job,
    batch: u64,
    costs: &HashMap<String, Cost>,
    without: &HashMap<String, Cost>,
) -> Result<Vec<String>, String> {
    let bare = per_descriptor(costs, job.bare, batch)?
        .ok_or_else(|| format!("{} was not called", job.bare))?;
    let libxdp = per_descriptor(costs, job.libxdp, batch)?;
    let of_socket = |costs| match job.socket {
        Some(function) => per_descriptor(costs, function, batch),
        None => Ok(None),
    };
    let (socket, trusting) = (of_socket(costs)?, of_socket(without)?);
    let ledger = socket.zip(trusting).map(|(with, without)| with - without);
    let shown = |figure: Option<f64>| figure.map_or_else(String::new, |n| format!("{n:.2}"));
    let signed = |figure: Option<f64>| figure.map_or_else(String::new, |n| format!("{n:+.2}"));
    Ok(vec![
        job.name.to_owned(),
        batch.to_string(),
        shown(libxdp),
        shown(Some(bare)),
        signed(libxdp.map(|libxdp| bare - libxdp)),
        shown(socket),
        shown(trusting),
        signed(ledger),
    ])
}

/// Instructions per descriptor of a function, which must have been called for each batch, and once only.
fn per_descriptor(
    costs: &HashMap<String, Cost>,
    function: &str,
    batch: u64,
) -> Result<Option<f64>, String> {
    let Some(cost) = find(costs, function)? else {
        return Ok(None);
    };
    if cost.calls != DESCRIPTORS / batch {
        return Err(format!("{function} was called {} times", cost.calls));
    }
    Ok(Some(cost.instructions as f64 / DESCRIPTORS as f64))
}

/// The cost of a function of this name, if it was called. Rust's names have their module before them and may have a
/// hash behind.
fn find<'c>(costs: &'c HashMap<String, Cost>, function: &str) -> Result<Option<&'c Cost>, String> {
    let is_it = |name: &str| {
        let mut path = name.rsplit("::");
        let last = path.next();
        last == Some(function) || (last.is_some_and(is_hash) && path.next() == Some(function))
    };
    let mut found = costs.iter().filter(|(name, _)| is_it(name));
    let Some((_, cost)) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(format!("there are several functions {function}"));
    }
    Ok(Some(cost))
}

fn is_hash(part: &str) -> bool {
    part.len() == 17 && part.starts_with('h') && part[1..].bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::{DESCRIPTORS, HEAD, JOBS, per_descriptor, row};
    use crate::callgrind::Cost;
    use std::collections::HashMap;

    fn costs(batch: u64, of: &[(&str, u64)]) -> HashMap<String, Cost> {
        let cost = |instructions: &u64| Cost {
            calls: DESCRIPTORS / batch,
            instructions: instructions * DESCRIPTORS,
        };
        of.iter()
            .map(|(name, instructions)| ((*name).to_owned(), cost(instructions)))
            .collect()
    }

    #[test]
    fn a_row_has_both_differences() {
        let with = costs(
            16,
            &[
                ("libxdp_fill", 5),
                ("a::bare_fill::h0123456789abcdef", 4),
                ("a::bare_fill::{{closure}}", 100),
                ("a::socket_refill", 16),
            ],
        );
        let without = costs(16, &[("a::socket_refill", 9)]);
        let cells = ["5.00", "4.00", "-1.00", "16.00", "9.00", "+7.00"];
        let row = row(&JOBS[0], 16, &with, &without).expect("all there");
        assert_eq!(row[2..], cells);
        assert_eq!(row.len(), HEAD.len());
    }

    #[test]
    fn libxdp_may_be_missing_and_our_rings_may_not() {
        let without = HashMap::new();
        let row = |of| row(&JOBS[0], 1, &costs(1, of), &without);
        let cells = ["", "4.00", "", "", "", ""];
        assert_eq!(row(&[("bare_fill", 4)]).expect("ours")[2..], cells);
        assert!(row(&[("libxdp_fill", 4)]).is_err());
    }

    #[test]
    fn a_function_that_was_called_too_often_or_is_there_twice_is_an_error() {
        let often = costs(1, &[("f", 1)]);
        assert!(per_descriptor(&often, "f", 16).is_err());
        let twice = costs(1, &[("a::f", 1), ("b::f", 1)]);
        assert!(per_descriptor(&twice, "f", 1).is_err());
        assert_eq!(per_descriptor(&twice, "g", 1), Ok(None));
    }
}
