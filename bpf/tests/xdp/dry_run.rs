//! One frame through the program, by BPF_PROG_TEST_RUN: what it returned and which counter went up.

use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::libbpf_sys::{bpf_prog_test_run_opts, bpf_test_run_opts, xdp_md};
use xskit_bpf::{Counters, XdpProgram};

const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    NoSocket,
    Malformed,
    Passed,
}

/// The verdict on a frame that comes in on queue 0 (of `lo`, the default interface of a test run).
pub(crate) fn verdict(program: &XdpProgram, frame: &[u8]) -> Verdict {
    judge(program, frame, None)
}

/// Whether a program without sockets takes the frame. It must not find it malformed.
pub(crate) fn takes(program: &XdpProgram, frame: &[u8]) -> bool {
    match verdict(program, frame) {
        Verdict::NoSocket => true,
        Verdict::Passed => false,
        other => panic!("{other:?}: {frame:02x?}"),
    }
}

/// The verdict on a frame that comes in on this queue of this interface.
pub(crate) fn verdict_on(program: &XdpProgram, frame: &[u8], ifindex: u32, queue: u32) -> Verdict {
    let data_end = u32::try_from(frame.len()).unwrap();
    let context = xdp_md {
        data_end,
        ingress_ifindex: ifindex,
        rx_queue_index: queue,
        ..Default::default()
    };
    judge(program, frame, Some(context))
}

fn judge(program: &XdpProgram, frame: &[u8], context: Option<xdp_md>) -> Verdict {
    let before = program.counters().unwrap();
    let action = run(program, frame, context);
    let after = program.counters().unwrap();
    let (verdict, expected) = which(before, after);
    assert_eq!(
        action, expected,
        "{verdict:?} returned the wrong action for {frame:02x?}"
    );
    verdict
}

/// Which counter went up, and the action that belongs to it. Exactly one must, and by one.
fn which(before: Counters, after: Counters) -> (Verdict, u32) {
    let gone_up = [
        after.taken - before.taken,
        after.passed - before.passed,
        after.malformed - before.malformed,
        after.no_socket - before.no_socket,
    ];
    match gone_up {
        [1, 0, 0, 0] => (Verdict::Taken, XDP_REDIRECT),
        [0, 1, 0, 0] => (Verdict::Passed, XDP_PASS),
        [0, 0, 1, 0] => (Verdict::Malformed, XDP_PASS),
        [0, 0, 0, 1] => (Verdict::NoSocket, XDP_PASS),
        other => panic!("one frame counted as {other:?}"),
    }
}

/// Runs the program once and returns its action. The kernel takes no frame under 14 bytes here.
fn run(program: &XdpProgram, frame: &[u8], mut context: Option<xdp_md>) -> u32 {
    let mut opts = bpf_test_run_opts {
        sz: size_of::<bpf_test_run_opts>() as u64,
        data_in: frame.as_ptr().cast(),
        data_size_in: u32::try_from(frame.len()).unwrap(),
        repeat: 1,
        ..Default::default()
    };
    if let Some(context) = &mut context {
        opts.ctx_in = std::ptr::from_mut(context).cast();
        opts.ctx_size_in = size_of::<xdp_md>() as u32;
    }
    // SAFETY: `opts` is initialised and says its size; its two input pointers are to memory that
    // outlives the call, of the sizes given; its output pointers are null.
    let result = unsafe { bpf_prog_test_run_opts(program.as_fd().as_raw_fd(), &mut opts) };
    assert_eq!(result, 0, "BPF_PROG_TEST_RUN on {} bytes", frame.len());
    opts.retval
}
