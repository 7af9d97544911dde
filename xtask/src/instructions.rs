//! `cargo xtask instructions`: instructions per descriptor, counted by callgrind, of every job in
//! `benches/rivals`: by libxdp's inline functions, by our rings, and by a socket with its ledger
//! and without; and of a forwarder's turn by the core's socket and by the one that is kept.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Error, Result, ensure};
use comfy_table::{CellAlignment, Table, presets};
use fs_err as fs;

use crate::callgrind::{self, Costs};
use crate::cargo;
use crate::probe;
use crate::requirement::{CLANG, LIBXDP, VALGRIND};
use crate::setup;
use crate::trusting::Build;

const PROGRAM: &str = "ring_instructions";

/// A turn by either socket, on a real kernel.
const FACE: &str = "face_path";

const BATCHES: [u64; 3] = [1, 16, 64];

/// Descriptors in each job: a multiple of every batch and of every ring's size, so that the looks
/// at the other end's cursor that come once in many batches are counted in full.
const DESCRIPTORS: u64 = 1 << 15;

const HEAD: [&str; 8] = [
    "instructions per descriptor",
    "batch",
    "libxdp",
    "rings",
    "rings - libxdp",
    "Socket",
    "without ledger",
    "ledger",
];

/// A row: its name, what the functions of libxdp and of our rings are called behind `libxdp_` and
/// `bare_`, and the one of the socket, if there is one.
const JOBS: [(&str, &str, &str); 7] = [
    ("fill: produce; refill", "fill", "socket_refill"),
    ("RX: consume; receive", "rx", "socket_receive"),
    ("TX: produce; send", "tx", "socket_send"),
    ("completion: consume; reap", "completion", "socket_reap"),
    ("flags: look; flush", "flags", "socket_flush"),
    ("round trip", "round_trip", ""),
    ("round trip with flags", "forward", "socket_forward"),
];

/// Builds, counts, prints.
pub(crate) fn command() -> Result<ExitCode> {
    setup::ensure()?;
    if let Err(problem) = setup::ensure_also(&[VALGRIND, LIBXDP, CLANG]) {
        eprintln!("note: {problem:#}");
    }
    let valgrind = probe::on_path("valgrind").context("valgrind counts the instructions")?;
    let build = |build: Build, names: &[&str]| build.programs(names).map_err(Error::msg);
    let programs = build(Build::WithLedger, &[PROGRAM, FACE])?;
    let program = programs.join(PROGRAM);
    let trusting = build(Build::WithoutLedger, &[PROGRAM])?.join(PROGRAM);
    let mut about_libxdp = String::new();
    let mut counts = Vec::new();
    for batch in BATCHES {
        let args = [batch, DESCRIPTORS / batch];
        let (said, costs) = count(&valgrind, &program, &args)?;
        let (_, without) = count(&valgrind, &trusting, &args)?;
        about_libxdp = said;
        counts.push((batch, costs, without));
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(HEAD);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for job in &JOBS {
        for (batch, costs, without) in &counts {
            table.add_row(row(job, *batch, costs, without)?);
        }
    }
    println!("{table}\n\n{about_libxdp}");
    match count(&valgrind, &programs.join(FACE), &[DESCRIPTORS]) {
        Ok((_, costs)) => println!("\n{}", through_the_face(&costs)?),
        Err(problem) => eprintln!("note: {problem:#}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// A forwarder's turn, real system calls' wrappers included, by the core's socket and by the one
/// that is kept.
fn through_the_face(costs: &Costs) -> Result<String> {
    let of = |function| {
        let cost = costs.get(function);
        let cost = cost.with_context(|| format!("{function} was not called"))?;
        Ok::<_, Error>(cost.instructions as f64 / DESCRIPTORS as f64)
    };
    let (core, face, large) = (of("core_turn")?, of("face_turn")?, of("large_turn")?);
    Ok(format!(
        "A forwarded packet of 60 bytes, in turns of 64 over a veth pair: {core:.2} instructions by xskit_core::Socket, \
         {face:.2} by xskit::Socket; {large:.2} of 1,400 bytes."
    ))
}

/// Runs the program under callgrind. Returns its output and the cost of each of its functions.
fn count(valgrind: &Path, program: &Path, args: &[u64]) -> Result<(String, Costs)> {
    let name = program.file_name().unwrap_or_default().display();
    let args: Vec<_> = args.iter().map(u64::to_string).collect();
    let out = cargo::target().join(format!("callgrind.{name}.{}", args.join(".")));
    let output = Command::new(valgrind)
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(&args)
        .output()
        .context("valgrind can't be run")?;
    ensure!(
        output.status.success(),
        "{name} under valgrind failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((said, callgrind::costs(&fs::read_to_string(&out)?)?))
}

/// One job at one batch, by the builds with the ledger and without.
fn row(
    job: &(&str, &str, &str),
    batch: u64,
    costs: &Costs,
    without: &Costs,
) -> Result<Vec<String>> {
    let (name, ring, socket) = *job;
    let bare = per_descriptor(costs, &format!("bare_{ring}"), batch)?
        .with_context(|| format!("bare_{ring} was not called"))?;
    let libxdp = per_descriptor(costs, &format!("libxdp_{ring}"), batch)?;
    let with = per_descriptor(costs, socket, batch)?;
    let trusting = per_descriptor(without, socket, batch)?;
    let ledger = with.zip(trusting).map(|(with, without)| with - without);
    let shown = |figure: Option<f64>| figure.map_or_else(String::new, |n| format!("{n:.2}"));
    let signed = |figure: Option<f64>| figure.map_or_else(String::new, |n| format!("{n:+.2}"));
    Ok(vec![
        name.to_owned(),
        batch.to_string(),
        shown(libxdp),
        shown(Some(bare)),
        signed(libxdp.map(|libxdp| bare - libxdp)),
        shown(with),
        shown(trusting),
        signed(ledger),
    ])
}

/// Instructions per descriptor of a function, which must have been called once per batch.
fn per_descriptor(costs: &Costs, function: &str, batch: u64) -> Result<Option<f64>> {
    let Some(cost) = costs.get(function) else {
        return Ok(None);
    };
    let calls = cost.calls;
    ensure!(
        calls == DESCRIPTORS / batch,
        "{function} was called {calls} times"
    );
    Ok(Some(cost.instructions as f64 / DESCRIPTORS as f64))
}

#[cfg(test)]
mod tests {
    use super::{Costs, DESCRIPTORS, HEAD, JOBS, row};
    use crate::callgrind::Cost;

    const BATCH: u64 = 16;

    fn costs(of: &[(&str, u64)]) -> Costs {
        let cost = |instructions: &u64| Cost {
            calls: DESCRIPTORS / BATCH,
            instructions: instructions * DESCRIPTORS,
        };
        of.iter()
            .map(|(name, instructions)| ((*name).to_owned(), cost(instructions)))
            .collect()
    }

    #[test]
    fn a_row_has_both_differences_and_only_our_rings_may_not_be_missing() {
        let all = costs(&[("libxdp_fill", 5), ("bare_fill", 4), ("socket_refill", 16)]);
        let without = costs(&[("socket_refill", 9)]);
        let cells = ["5.00", "4.00", "-1.00", "16.00", "9.00", "+7.00"];
        let row_of_all = row(&JOBS[0], BATCH, &all, &without).expect("all there");
        assert_eq!(row_of_all[2..], cells);
        assert_eq!(row_of_all.len(), HEAD.len());
        let of = |function| row(&JOBS[0], BATCH, &costs(&[(function, 4)]), &Costs::new());
        let cells = ["", "4.00", "", "", "", ""];
        assert_eq!(of("bare_fill").expect("ours")[2..], cells);
        assert!(of("libxdp_fill").is_err());
    }

    #[test]
    fn a_function_that_was_called_too_often_is_an_error() {
        let costs = costs(&[("bare_fill", 4)]);
        assert!(row(&JOBS[0], 2 * BATCH, &costs, &Costs::new()).is_err());
    }
}
