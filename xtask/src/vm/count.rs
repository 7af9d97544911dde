//! `cargo xtask vm --count`: instructions of the whole machine per packet, in a machine whose clock
//! counts them. The program `counted` (`benches/report/src/counted`) decides what is counted, and
//! how; here it is built, run in each boot, and its tables are made.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use fs_err as fs;

use super::machine::{self, Driver, Machine, quoted};
use super::packages::{Bed, folder};
use super::quiche;
use crate::bench;
use crate::cargo;
use crate::setup;

/// One nanosecond of the guest is one instruction, and the clock leaps to the next timer where
/// there is nothing to do.
const COUNTING: &str = "-accel tcg,thread=single -icount shift=0,sleep=off";

/// virtio_net's card sends two microseconds of the guest's time after it is told to. Without this
/// it sends when QEMU's other thread comes to it, and a sender's instructions depend on the load of
/// this machine.
const PROMPT: &str = "-global virtio-net-pci.ioeventfd=off -global virtio-net-pci.tx=timer \
                      -global virtio-net-pci.x-txtimer=2000";

/// So that the table can say by how much two differ.
const BOOTS: usize = 2;

/// How long counting everything may take in one boot, on a slow machine.
const LIMIT: Duration = Duration::from_secs(7200);

/// The guest's clock leaps, so its own limit is far off.
const GUEST_LIMIT_S: u32 = 1_000_000;

const GUEST: &str = include_str!("count.sh");

/// Counts what has one of these parts in its name, or all, on each driver. Prints the tables; with
/// `is_update` they go into the answers too.
pub(super) fn command(
    bed: &Bed,
    drivers: &[Driver],
    parts: &[String],
    is_update: bool,
) -> Result<ExitCode> {
    ensure!(
        !is_update || parts.is_empty(),
        "--update takes no PART: its tables are of all"
    );
    setup::ensure()?;
    let programs = bench::build(
        "--all-features --package xskit-cli --bin xskit --package xskit-report --bin counted",
    )?;
    if let Err(problem) = quiche::ensure(&rivals()) {
        eprintln!("quiche's example server is left out: {problem:#}");
    }
    let kind = if parts.is_empty() { "counted" } else { "part" };
    let of = |driver: Driver, boot| folder().join(format!("{kind}-{}-{boot}.json", driver.name()));
    for &driver in drivers {
        for boot in 1..=BOOTS {
            eprintln!("==> {}: counting, boot {boot} of {BOOTS}", driver.name());
            count(bed, driver, &programs, parts, &of(driver, boot))?;
        }
    }
    // Where one driver was counted, the other's column is of the run before.
    let runs = Driver::ALL
        .into_iter()
        .flat_map(|driver| (1..=BOOTS).map(move |boot| of(driver, boot)));
    let mut tables = Command::new(programs.join("counted"));
    tables.arg("tables").args(is_update.then_some("--update"));
    tables.arg(cargo::workspace().join("benches/ANSWERS.md"));
    tables.args(runs.filter(|run| run.exists()));
    let status = tables.status().context("counted can't be run")?;
    Ok(ExitCode::from(u8::from(!status.success())))
}

/// One boot, whose results go to `to`.
fn count(bed: &Bed, driver: Driver, programs: &Path, parts: &[String], to: &Path) -> Result<()> {
    let machine = Machine {
        cpus: 1,
        qemu: format!("{COUNTING} {PROMPT}"),
        ..Machine::new(bed, driver)
    };
    let parts: Vec<_> = parts.iter().map(quoted).collect();
    let script = format!(
        "RIVALS={}\n{GUEST}\njob 0 {GUEST_LIMIT_S} counted measure \"$SCRATCH/xskit\" \"$DRIVER\" \"$RESULTS/run.json\" {}\n",
        quoted(rivals()),
        parts.join(" ")
    );
    let mut running = machine.boot(&script, programs).map_err(Error::msg)?;
    let end = running.wait_for("0.end", LIMIT).map_err(Error::msg)?;
    eprint!("{}", machine::read(&machine.results().join("0.out")));
    running.finish();
    ensure!(
        end.starts_with("0 "),
        "counting on {} failed, as said above",
        driver.name()
    );
    fs::copy(machine.results().join("run.json"), to)?;
    Ok(())
}

/// Other people's programs: what is there is found before what is installed.
fn rivals() -> PathBuf {
    folder().join("rivals")
}
