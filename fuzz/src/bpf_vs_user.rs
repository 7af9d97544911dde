//! Arbitrary frames to the XDP program in the kernel, and to the header parser: both must take the
//! same ones.
//!
//! Needs privilege: the program is loaded, attached nowhere, and given frames by BPF_PROG_TEST_RUN.

// As the program's own tests give it frames, who also choose queues.
#[allow(unsafe_code, dead_code)]
#[path = "../../bpf/tests/xdp/dry_run.rs"]
mod dry_run;
mod kernel;
mod rules;

use std::sync::{Mutex, OnceLock, PoisonError};

use xskit_wire::{Datagram, Refusal, UdpChecksum};

use crate::frame::Layers;
use dry_run::Verdict;
use kernel::Kernel;
pub use kernel::NEEDED;
use rules::Rule;

/// The kernel takes no shorter frame for a test run (ETH_HLEN).
const MIN_LEN: usize = 14;
/// Nor one that does not fit a page beside the program's headroom and the kernel's own data.
const MAX_LEN: usize = 3072;

/// The first byte selects the rules; the others are the frame.
///
/// # Panics
///
/// If the two disagree, or the program cannot be loaded: see [`is_possible`].
pub fn attack(input: &[u8]) {
    let Some((&choice, frame)) = input.split_first() else {
        return;
    };
    let frame = &frame[..frame.len().min(MAX_LEN)];
    if frame.len() < MIN_LEN {
        let refusal = Datagram::parse(frame, UdpChecksum::Ignore);
        assert_eq!(refusal, Err(Refusal::TruncatedEthernet));
        return;
    }
    let sets = rules::sets();
    let choice = usize::from(choice) % sets.len();
    let expected = user(&sets[choice], frame);
    let kernels = kernels().lock().unwrap_or_else(PoisonError::into_inner);
    let found = kernels[choice].verdict(frame);
    assert_eq!(found, expected, "rules {:?}: {frame:02x?}", sets[choice]);
}

/// Whether the program can be loaded here; if not, [`NEEDED`] names what is missing.
///
/// # Panics
///
/// If it cannot be loaded despite the privilege.
pub fn is_possible() -> bool {
    match kernel::is_possible() {
        true => {
            kernels();
            true
        }
        false => false,
    }
}

/// One loaded program per set of rules, with a socket, so that taken frames are redirected.
fn kernels() -> &'static Mutex<Vec<Kernel>> {
    static KERNELS: OnceLock<Mutex<Vec<Kernel>>> = OnceLock::new();
    KERNELS.get_or_init(|| {
        let sets = rules::sets();
        Mutex::new(sets.iter().map(|rules| Kernel::load(rules)).collect())
    })
}

/// The verdict by the parser in user space.
fn user(rules: &[Rule], frame: &[u8]) -> Verdict {
    match parse(frame) {
        Ok(datagram) if rules.iter().any(|rule| rule.names(&datagram)) => Verdict::Taken,
        Ok(_) => Verdict::Passed,
        Err(refusal) => refused(refusal, frame.len()),
    }
}

/// The XDP program ignores the IPv4 header's checksum, so it is corrected first. This is the one
/// difference in what is taken, and intended: user space drops such a packet, as the kernel would.
fn parse(frame: &[u8]) -> Result<Datagram, Refusal> {
    let mut frame = frame.to_vec();
    if let Some(layers) = Layers::of(&frame) {
        layers.set_ipv4_checksum(&mut frame);
    }
    Datagram::parse(&frame, UdpChecksum::Ignore)
}

/// The program's verdict where the parser refuses: one of its two ways to leave a frame to the
/// kernel.
fn refused(refusal: Refusal, frame_len: usize) -> Verdict {
    match refusal {
        Refusal::TooManyTags
        | Refusal::NotIp(_)
        | Refusal::Fragment
        | Refusal::ExtensionHeader(_)
        | Refusal::NotUdp(_) => Verdict::Passed,
        // A third tag, and cut off: the parser reports the latter, the program the former.
        Refusal::TruncatedVlan if frame_len >= MIN_LEN + 2 * 4 => Verdict::Passed,
        Refusal::Ipv4Checksum | Refusal::UdpChecksum | Refusal::UdpChecksumMissing => {
            panic!("{refusal}, though the one was put right and the others are not looked at")
        }
        _ => Verdict::Malformed,
    }
}
