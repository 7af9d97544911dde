//! The XDP program in the kernel, given one frame at a time by BPF_PROG_TEST_RUN.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use libbpf_rs::libbpf_sys::{bpf_prog_test_run_opts, bpf_test_run_opts};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{CapabilitySet, capabilities};
use xskit_bpf::{Counters, XdpProgram};

use super::Verdict;
use super::rules::Rule;

/// The capabilities for loading the program and opening its socket.
pub const NEEDED: &str = "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW";

const CAPABILITIES: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW);

const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;

/// Whether this thread has all of them.
pub(super) fn is_possible() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CAPABILITIES))
}

/// A loaded program and its counters so far.
pub(super) struct Kernel {
    program: XdpProgram,
    /// Registered for queue 0, which is the queue of test runs. Not bound: a test run delivers
    /// nothing.
    _socket: OwnedFd,
    counted: Counters,
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
            counted: Counters::default(),
        }
    }

    /// The verdict on a frame; the return value and the counters must agree.
    pub(super) fn verdict(&mut self, frame: &[u8]) -> Verdict {
        let action = run(&self.program, frame);
        let counted = self
            .program
            .counters()
            .expect("a loaded program has counters");
        let before = std::mem::replace(&mut self.counted, counted);
        let gone_up = [
            counted.taken - before.taken,
            counted.passed - before.passed,
            counted.malformed - before.malformed,
            counted.no_socket - before.no_socket,
        ];
        match (action, gone_up) {
            (XDP_REDIRECT, [1, 0, 0, 0]) => Verdict::Taken,
            (XDP_PASS, [0, 1, 0, 0]) => Verdict::Passed,
            (XDP_PASS, [0, 0, 1, 0]) => Verdict::Malformed,
            other => panic!("action {} counted as {:?}: {frame:02x?}", other.0, other.1),
        }
    }
}

/// Runs the program once and returns its action.
fn run(program: &XdpProgram, frame: &[u8]) -> u32 {
    let mut opts = bpf_test_run_opts {
        sz: size_of::<bpf_test_run_opts>() as u64,
        data_in: frame.as_ptr().cast(),
        data_size_in: u32::try_from(frame.len()).expect("frames are short"),
        repeat: 1,
        ..Default::default()
    };
    // SAFETY: `opts` is initialised and says its size; its input pointer is to the frame, which
    // outlives the call, of the size given; its output pointers are null.
    let result = unsafe { bpf_prog_test_run_opts(program.as_fd().as_raw_fd(), &mut opts) };
    assert_eq!(result, 0, "BPF_PROG_TEST_RUN on {} bytes", frame.len());
    opts.retval
}
