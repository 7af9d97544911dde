//! The XDP program in the kernel, given one frame at a time by BPF_PROG_TEST_RUN.

use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{CapabilitySet, capabilities};
use xskit_bpf::XdpProgram;

use super::dry_run::{self, Verdict};
use super::rules::Rule;

/// The capabilities for loading the program and opening its socket.
pub const NEEDED: &str = "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW";

const CAPABILITIES: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW);

/// Whether this thread has all of them.
pub(super) fn is_possible() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CAPABILITIES))
}

/// A loaded program.
pub(super) struct Kernel {
    program: XdpProgram,
    /// Registered for queue 0, which is the queue of test runs. Not bound: a test run delivers
    /// nothing.
    _socket: OwnedFd,
}

impl Kernel {
    pub(super) fn load(rules: &[Rule]) -> Self {
        let program = XdpProgram::load(1).expect("privilege was looked for");
        for rule in rules {
            let told = match *rule {
                Rule::Short { port, address } => program.take(port, address),
                Rule::Long { rule, .. } => program.add_rules(&[rule]),
            };
            told.expect("a few rules fit");
        }
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::XDP, SocketType::RAW, flags, None)
            .expect("the kernel has AF_XDP");
        program
            .register_socket(0, socket.as_fd())
            .expect("there is a queue 0");
        Self {
            program,
            _socket: socket,
        }
    }

    /// The verdict on a frame; the return value and the counters must agree.
    pub(super) fn verdict(&self, frame: &[u8]) -> Verdict {
        dry_run::verdict(&self.program, frame)
    }
}
