//! System calls, restricted by seccomp to those for moving packets and reading files. All others
//! fail with ENOSYS, as on a kernel without them, for which libraries have fallbacks.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Allowed with any arguments.
const CALLS: &[c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Files; Landlock and the user decide which.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Open sockets and rings, and new ones of SOCKETS.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_io_uring_enter,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // Waiting, and the time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_futex,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // Signals to itself, and its end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // About itself and the machine.
    libc::SYS_capget,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_sched_getaffinity,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Older versions of some of these, which C libraries still call on x86-64.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_stat,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Address families of sockets that can still be opened: to ask the kernel about links, routes and
/// neighbours.
const SOCKETS: &[u64] = &[
    libc::AF_INET as u64,
    libc::AF_INET6 as u64,
    libc::AF_NETLINK as u64,
];

/// Commands of bpf(2) on open maps and links (linux/bpf.h): look up, update and delete an element,
/// get the next key; get information of a descriptor; detach a link. None creates anything.
const BPF: &[u64] = &[1, 2, 3, 4, 15, 34];

/// Requests of ioctl(2), whose type differs between C libraries: SIOCETHTOOL, the channels of a
/// device; TCGETS and TIOCGWINSZ, whether a descriptor is a terminal and how wide; FIONBIO, whether
/// it blocks.
const IOCTLS: &[u64] = &[0x8946, 0x5401, 0x5413, 0x5421];

/// Restricts the calling thread. The error is the text to report.
pub(super) fn bound() -> Result<(), String> {
    let failed = |error| format!("system calls are not restricted by seccomp: {error}");
    let program = program().map_err(|error| failed(error.to_string()))?;
    apply_filter(&program).map_err(|error| failed(error.to_string()))
}

fn program() -> Result<BpfProgram, BackendError> {
    let always = CALLS.iter().chain(OLDER).map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = always.collect();
    rules.insert(libc::SYS_socket, one_of(0, SOCKETS)?);
    rules.insert(libc::SYS_bpf, one_of(0, BPF)?);
    rules.insert(libc::SYS_ioctl, one_of(1, IOCTLS)?);
    // Only to read the process's own limits.
    let own = condition(0, 0)?;
    let reads = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    let limits = SeccompRule::new(vec![own, reads])?;
    rules.insert(libc::SYS_prlimit64, vec![limits]);
    let otherwise = SeccompAction::Errno(libc::ENOSYS as u32);
    let arch = TargetArch::try_from(ARCH)?;
    SeccompFilter::new(rules, otherwise, SeccompAction::Allow, arch)?.try_into()
}

/// Rules for a call whose argument `at` may be one of these values.
fn one_of(at: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |value: &u64| SeccompRule::new(vec![condition(at, *value)?]);
    values.iter().map(rule).collect()
}

/// The kernel, too, uses 32 bits of these arguments.
fn condition(at: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(at, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir};
    use std::net::UdpSocket;
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::thread;

    use super::{bound, program};

    #[test]
    fn files_and_udp_go_on_and_the_rest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let bounded = || {
            bound().unwrap();
            let works = [
                File::open("/proc/self/stat").is_ok(),
                UdpSocket::bind("127.0.0.1:0").is_ok(),
            ];
            let refused = [
                create_dir(dir.path().join("more")).err(),
                UnixStream::pair().err(),
                Command::new("true").spawn().err(),
                thread::Builder::new().spawn(|| {}).err(),
            ];
            (works, refused)
        };
        let (works, refused) = thread::scope(|scope| scope.spawn(bounded).join()).unwrap();
        assert_eq!(works, [true; 2]);
        let errnos = refused.map(|error| error.and_then(|error| error.raw_os_error()));
        assert_eq!(errnos[..3], [Some(libc::ENOSYS); 3]);
        assert!(errnos[3].is_some());
    }

    #[test]
    fn the_filter_fits_the_kernel() {
        let program = program().expect("a filter");
        assert!(
            program.len() > 100 && program.len() <= 4096,
            "{}",
            program.len()
        );
    }
}
