//! The cases of the kernel's own AF_XDP test, `xskxceiver`, and their outcomes here.
//!
//! The names are those of `tools/testing/selftests/bpf/prog_tests/test_xsk.h`, and each case checks
//! the same: contents, order, counts, statistics. `CONFORMANCE.md` has the outcomes of a run, and a
//! run with others fails. With `XSKIT_CONFORMANCE=FILE` a run writes the table instead.
//!
//! | file | holds |
//! | --- | --- |
//! | `lab.rs` | two hosts with programs on their interfaces, and numbered packets |
//! | `traffic.rs`, `safe.rs` | cases through the public interface |
//! | `raw.rs`, `descriptors.rs` | cases by raw sockets: the kernel's answer to what safe code can't ask |
//! | `table.rs` | the table |

mod descriptors;
mod lab;
mod raw;
mod safe;
mod table;
mod traffic;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::RealBackend;
use lab::Lab;
use xskit_testbed::privilege;

/// The outcome of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything was as xskxceiver asserts it.
    Passes,
    /// It cannot run there, for this reason; xskxceiver skips it as well.
    Skipped(&'static str),
    /// This machine lacks this requirement: the table stays as it is.
    Unavailable(&'static str),
}

type Run<B> = fn(&Lab<'_, B>) -> Outcome;

/// How a case is written.
enum How<B> {
    /// Through the public interface.
    Safe(Run<B>, &'static str),
    /// By raw sockets, because safe code can't ask for it.
    Raw(Run<B>, &'static str),
    /// By raw sockets, because xskit lacks this.
    RawMissing(Run<B>, &'static str),
    /// Not at all, because xskit lacks these.
    Missing(&'static [&'static str]),
}

/// A case of xskxceiver.
struct Case<B> {
    name: &'static str,
    how: How<B>,
}

const IN_FRAME: &str = "a frame's range can't leave its frame, nor can its packet be too long";
const DROP: &str =
    "xskit's program passes the other half to the kernel, where xskxceiver's drops it";
const LONG: &str =
    "packets are too long by a larger MTU, where xskxceiver's are by the UMEM's headroom";
const UNALIGNED: &str = "unaligned chunks";
const SHARED: &str = "several sockets on one queue";
const CHOICE: &str = "a program that chooses among the sockets of a queue";
const METADATA: &str = "RX metadata";
const SEVERAL: &str = "packets in several buffers";
const TAIL: &str = "a program that changes a packet's length";

/// All cases, in xskxceiver's order.
#[rustfmt::skip]
fn cases<B: RealBackend>() -> [Case<B>; 36] {
    use How::{Missing, Raw, RawMissing, Safe};
    use descriptors as raw;
    [
        ("SEND_RECEIVE", Safe(safe::send_receive, "")),
        ("SEND_RECEIVE_2K_FRAME", Safe(safe::frames_of_2k, "")),
        ("SEND_RECEIVE_SINGLE_PKT", Safe(safe::single_packet, "")),
        ("POLL_RX", Safe(safe::poll_rx, "")),
        ("POLL_TX", Safe(safe::poll_tx, "")),
        ("POLL_RXQ_FULL", Safe(safe::poll_rx_in_vain, "")),
        ("POLL_TXQ_FULL", Safe(safe::poll_tx_in_vain, "")),
        ("ALIGNED_INV_DESC", Raw(raw::aligned_invalid, IN_FRAME)),
        ("ALIGNED_INV_DESC_2K_FRAME_SIZE", Raw(raw::aligned_invalid_2k, IN_FRAME)),
        ("UMEM_HEADROOM", RawMissing(raw::headroom, "headroom in frames")),
        ("BIDIRECTIONAL", Safe(safe::bidirectional, "")),
        ("STAT_RX_DROPPED", Safe(safe::rx_dropped, LONG)),
        ("STAT_TX_INVALID", Raw(raw::tx_invalid, IN_FRAME)),
        ("STAT_RX_FULL", Safe(safe::rx_full, "")),
        ("STAT_FILL_EMPTY", Safe(safe::fill_empty, "")),
        ("XDP_PROG_CLEANUP", Missing(&[SHARED])),
        ("XDP_DROP_HALF", Safe(safe::half_not_taken, DROP)),
        ("XDP_SHARED_UMEM", Missing(&[SHARED, CHOICE])),
        ("XDP_METADATA_COPY", Missing(&[METADATA])),
        ("XDP_METADATA_COPY_MULTI_BUFF", Missing(&[METADATA, SEVERAL])),
        ("ALIGNED_INV_DESC_MULTI_BUFF", Missing(&[SEVERAL])),
        ("TOO_MANY_FRAGS", Missing(&[SEVERAL])),
        ("XDP_ADJUST_TAIL_SHRINK", Missing(&[TAIL])),
        ("TX_QUEUE_CONSUMER", Safe(safe::tx_consumer, "")),
        ("XDP_ADJUST_TAIL_SHRINK_MULTI_BUFF", Missing(&[TAIL, SEVERAL])),
        ("XDP_ADJUST_TAIL_GROW", Missing(&[TAIL])),
        ("XDP_ADJUST_TAIL_GROW_MULTI_BUFF", Missing(&[TAIL, SEVERAL])),
        ("SEND_RECEIVE_9K_PACKETS", Missing(&[SEVERAL])),
        ("SEND_RECEIVE_UNALIGNED", RawMissing(raw::send_unaligned, UNALIGNED)),
        ("UNALIGNED_INV_DESC", RawMissing(raw::unaligned_invalid, UNALIGNED)),
        ("UNALIGNED_INV_DESC_4001_FRAME_SIZE", RawMissing(raw::unaligned_invalid_4001, UNALIGNED)),
        ("SEND_RECEIVE_UNALIGNED_9K_PACKETS", Missing(&[UNALIGNED, SEVERAL])),
        ("UNALIGNED_INV_DESC_MULTI_BUFF", Missing(&[UNALIGNED, SEVERAL])),
        ("HW_SW_MIN_RING_SIZE", Safe(safe::smallest_rings, "")),
        ("HW_SW_MAX_RING_SIZE", Safe(safe::largest_rings, "")),
        ("TEARDOWN", Safe(safe::teardown, "")),
    ]
    .map(|(name, how)| Case { name, how })
}

/// The variable that names a file to write the table to, instead of comparing it.
pub const WRITE: &str = "XSKIT_CONFORMANCE";
/// The variable that names one case to run alone.
pub const ONLY: &str = "XSKIT_CONFORMANCE_CASE";

/// Runs every case on each platform that is there, and compares the outcomes with the table.
pub fn the_table_is_what_a_run_finds<B: RealBackend>(make: impl Fn() -> B + Sync) {
    if !privilege::require_net_admin("the_table_is_what_a_run_finds") {
        return;
    }
    let only = std::env::var(ONLY).ok();
    let cases = cases::<B>();
    let mut failed = Vec::new();
    let mut cells = BTreeMap::new();
    Lab::each(&make, |lab| {
        for case in &cases {
            if only.as_ref().is_some_and(|only| only != case.name) {
                continue;
            }
            let platform = lab.platform.name();
            match case.run(lab) {
                Ok(Some(cell)) => {
                    println!("{platform}: {}: {cell}", case.name);
                    cells.insert((case.name, platform), cell);
                }
                Ok(None) => {}
                Err(()) => failed.push(format!("{platform}: {}", case.name)),
            }
        }
    });
    assert!(failed.is_empty(), "these failed: {failed:#?}");
    if only.is_none() {
        table::settle(&cases, &cells);
    }
}

impl<B: RealBackend> Case<B> {
    /// Runs the case. Returns the table's cell, `None` if it could not run here, an error if it
    /// failed.
    fn run(&self, lab: &Lab<'_, B>) -> Result<Option<String>, ()> {
        let run = match self.how {
            How::Safe(run, _) | How::Raw(run, _) | How::RawMissing(run, _) => run,
            How::Missing(_) => return Ok(None),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(lab))).map_err(|_| ())?;
        Ok(match outcome {
            Outcome::Passes => Some("passes".to_owned()),
            Outcome::Skipped(why) => Some(format!("skipped: {why}")),
            Outcome::Unavailable(what) => {
                eprintln!("skipped: needs {what} (case {})", self.name);
                None
            }
        })
    }
}
