//! io_uring is refused: each cause is provoked, and the error names it. A seccomp filter holds for
//! one thread only, and ends with it.
#![allow(unsafe_code)]

mod availability;

use std::thread;

use xskit_backend_suite::fixture::{FRAMES, umem};
use xskit_core::umem::FrameSlot;
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_testbed::HostPair;
use xskit_uring::{Reason, Route, UringBackend, UringConfig, UringError};

/// Makes a system call fail with `errno` on this thread from now on.
fn refuse(call: libc::c_long, errno: i32) {
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let jump = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let result = (libc::BPF_RET | libc::BPF_K) as u16;
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        // The number is the first field of `seccomp_data`.
        instruction(load, 0, 0, 0),
        instruction(jump, 0, 1, call as u32),
        instruction(result, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        instruction(result, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: both are calls on this thread; the kernel copies the program, whose length is right
    // and which outlives the call.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Makes a backend on a thread for which a call fails.
fn without(call: libc::c_long, errno: i32) -> Result<(), UringError> {
    let made = thread::spawn(move || {
        refuse(call, errno);
        UringBackend::new(UringConfig::default()).map(drop)
    });
    made.join().expect("no panic")
}

#[test]
fn a_filter_that_refuses_a_call_is_named() {
    if !availability::is_there(UringConfig::default()) {
        return;
    }
    for (number, call, errno) in [
        (libc::SYS_io_uring_setup, "io_uring_setup", Errno::EPERM),
        (libc::SYS_io_uring_setup, "io_uring_setup", Errno::ENOSYS),
        (libc::SYS_io_uring_enter, "io_uring_enter", Errno::EPERM),
    ] {
        let refused = without(number, errno.0).expect_err("filtered");
        assert_eq!(refused, UringError::Filtered { call, errno });
        let text = refused.to_string();
        assert!(text.contains("a seccomp filter refuses io_uring"), "{text}");
        assert!(text.contains("use the rustix backend"), "{text}");
    }
}

#[test]
fn what_can_not_be_probed_is_done_directly() {
    if !availability::is_there(UringConfig::default()) {
        return;
    }
    let Some(pair) = HostPair::for_test("what_can_not_be_probed_is_done_directly", 1) else {
        return;
    };
    let open = || {
        refuse(libc::SYS_io_uring_register, libc::EPERM);
        let backend = UringBackend::new(UringConfig::default()).expect("a ring all the same");
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let config = SocketConfig::new(pair.first.link.index, 0);
        Socket::open(&backend, &umem, &config).expect("a socket");
        let direct = Route::Direct(Reason::Unprobed(Errno::EPERM));
        let report = backend.setup_report();
        assert_eq!(
            [report.socket, report.options, report.bind],
            [direct; 3],
            "{report}"
        );
    };
    pair.first.run(open).expect("in the first host");
}

#[test]
fn a_queue_of_no_or_too_many_slots_is_refused() {
    for entries in [0, 32769] {
        let config = UringConfig {
            entries,
            ..UringConfig::default()
        };
        let refused = UringBackend::new(config).map(drop);
        assert_eq!(refused, Err(UringError::Entries { entries }));
    }
}
