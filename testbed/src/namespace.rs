//! A network namespace without a name, and the ways into it for closures, threads and child
//! processes.
//!
//! Nothing holds it but file descriptors and the threads and processes inside, so it goes when they
//! go, SIGKILL included. References: network_namespaces(7), unshare(2), setns(2),
//! PR_SET_PDEATHSIG(2const).
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use xskit_net::netlink::Netlink;

use crate::configure;
use crate::error::{Error, Result};

/// A network namespace: interfaces, addresses, routes and ports. It has only `lo`, which is up.
#[derive(Debug)]
pub struct Namespace {
    /// `/proc/thread-self/ns/net` of the thread that made it, close-on-exec.
    fd: OwnedFd,
}

/// What becomes of a child process when the *thread* that started it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenParentDies {
    /// The kernel sends it SIGKILL (PR_SET_PDEATHSIG), so nothing outlives a killed parent. The
    /// kernel goes by the parent thread: start such a child from one that lives as long as the
    /// child should, not within [`Namespace::run`].
    Kill,
    /// It lives on.
    LiveOn,
}

impl Namespace {
    /// Makes one. The calling thread stays where it is.
    ///
    /// # Errors
    /// [`xskit_net::Error::MissingCapability`] (CAP_SYS_ADMIN); [`xskit_net::Error::Call`] where
    /// `/proc` is missing or threads or descriptors run out.
    pub fn new() -> Result<Self> {
        on_own_thread("make a network namespace", || {
            // SAFETY: unsafe only for CLONE_FILES, which would give this thread a table of
            // descriptors of its own. It is not asked for.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map_err(|errno| {
                Error::call(
                    "unshare(CLONE_NEWNET)",
                    "CAP_SYS_ADMIN",
                    "make a network namespace",
                    errno,
                )
            })?;
            let file = File::open("/proc/thread-self/ns/net").map_err(|error| {
                Error::failed(
                    "open(/proc/thread-self/ns/net)",
                    "hold a network namespace (is /proc mounted?)",
                    &error,
                )
            })?;
            configure::set_up(&mut Netlink::open()?, "lo")?;
            Ok(Self { fd: file.into() })
        })?
    }

    /// Runs `task` inside, on a new thread, and waits for it. Sockets that it opens belong to this
    /// namespace wherever they are moved. A panic of `task` continues in the caller.
    ///
    /// # Errors
    /// Those of [`Namespace::enter`], and [`xskit_net::Error::Call`] if no thread can be made.
    pub fn run<T: Send>(&self, task: impl FnOnce() -> T + Send) -> Result<T> {
        on_own_thread("run in a network namespace", || {
            self.enter()?;
            Ok(task())
        })?
    }

    /// Moves the calling thread in, for as long as it lives. Threads that it starts later start
    /// inside; all others stay where they are.
    ///
    /// # Errors
    /// [`xskit_net::Error::MissingCapability`] (CAP_SYS_ADMIN), [`xskit_net::Error::Call`].
    pub fn enter(&self) -> Result<()> {
        move_into_link_name_space(self.fd.as_fd(), Some(LinkNameSpaceType::Network)).map_err(
            |errno| {
                Error::call(
                    "setns(CLONE_NEWNET)",
                    "CAP_SYS_ADMIN",
                    "enter a network namespace",
                    errno,
                )
            },
        )
    }

    /// Starts the children of `command` inside. They see `/sys/class/net` of the parent's
    /// namespace, and everything else of this one. `command` keeps the namespace alive.
    ///
    /// The calling process must be the one that starts them. If a child cannot enter, starting it
    /// fails with the errno of setns(2).
    ///
    /// # Errors
    /// [`xskit_net::Error::Call`] where descriptors run out.
    pub fn enter_command(
        &self,
        command: &mut Command,
        when_parent_dies: WhenParentDies,
    ) -> Result<()> {
        let fd = self.fd.try_clone().map_err(|error| {
            Error::failed(
                "fcntl(F_DUPFD_CLOEXEC)",
                "start a child process in a network namespace",
                &error,
            )
        })?;
        let parent = getpid();
        let begin = move || -> std::io::Result<()> {
            if when_parent_dies == WhenParentDies::Kill {
                set_parent_process_death_signal(Some(Signal::KILL))?;
                // If the parent died before that line, no signal comes.
                if getppid() != Some(parent) {
                    return Err(Errno::SRCH.into());
                }
            }
            move_into_link_name_space(fd.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(())
        };
        // SAFETY: `begin` runs in the child between fork and exec, where other threads' locks stay
        // locked for good. It only makes system calls (prctl, getppid, setns) through rustix, which
        // takes no lock and allocates nothing, and neither does turning an errno into an io::Error.
        // The descriptor that it uses is its own, still open (close-on-exec takes effect later),
        // and nothing is freed in the child.
        unsafe { command.pre_exec(begin) };
        Ok(())
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Runs `task` on a new thread, which may change namespaces without the caller noticing.
fn on_own_thread<T: Send>(purpose: &str, task: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let spawned = thread::Builder::new()
            .name("xskit-netns".to_owned())
            .spawn_scoped(scope, task);
        let handle =
            spawned.map_err(|error| Error::failed("clone(CLONE_THREAD)", purpose, &error))?;
        Ok(handle
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
