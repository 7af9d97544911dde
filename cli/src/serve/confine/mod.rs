//! What a server gives up once it is set up: root, capabilities, and the files and system calls
//! that it will not need.
//!
//! | file | takes away |
//! | --- | --- |
//! | `account.rs` | the user, for another |
//! | `capabilities.rs` | capabilities, in every set |
//! | `files.rs` | files, by Landlock |
//! | `calls.rs` | system calls, by seccomp |
//!
//! All of this applies to the calling thread and those that it starts, so each thread does it
//! before any of them looks at a packet. The kernel's thread that takes submissions (`--sqpoll`)
//! keeps what the process had when its ring was made; that ring only sends, receives and polls
//! (`backend-uring/src/ring.rs`). The ring of `--tcp uring` is compio's and has no such
//! restriction: Landlock still bounds what it opens, but seccomp does not see what is submitted.

mod account;
mod calls;
mod capabilities;
mod files;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, anyhow, bail, ensure};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{
    Pid, Signal, geteuid, getppid, parent_process_death_signal, set_parent_process_death_signal,
};
use rustix::thread::{CapabilitySet, set_no_new_privs};

use crate::args::ConfinementArgs;
use crate::report;
use account::Account;

/// What to give up, and the user to become.
pub(crate) struct Confinement {
    user: User,
    is_bounded: bool,
    /// Notes that another thread has printed already.
    said: Mutex<BTreeSet<String>>,
}

/// The user that the process becomes.
enum User {
    /// The user named by --user.
    Chosen(Account),
    /// The user nobody, if possible: started by root, without --user.
    Nobody(Account),
    /// Root, by --user root: it can still read every file.
    Root,
    /// The user that started it.
    Same,
}

/// The files that the process still reads, and where it writes.
pub(crate) struct Reading<'a> {
    /// The directory that is served.
    pub(crate) root: &'a Path,
    /// Files that SIGHUP reads again.
    pub(crate) again: Vec<&'a Path>,
    /// The directories in which logs are opened.
    pub(crate) logs: Vec<BorrowedFd<'a>>,
}

impl Confinement {
    /// Turns the options into what they mean here.
    pub(crate) fn plan(args: &ConfinementArgs) -> anyhow::Result<Self> {
        let is_root = geteuid().is_root();
        let user = match &args.user {
            Some(name) => match Account::find(name)? {
                account if !account.uid.is_root() => User::Chosen(account),
                _ if is_root => User::Root,
                _ => bail!("--user {name}: only root can stay root; leave it out"),
            },
            None if is_root => User::Nobody(Account::nobody()),
            None => User::Same,
        };
        Ok(Self {
            user,
            is_bounded: !args.no_sandbox,
            said: Mutex::default(),
        })
    }

    /// Gives up everything but `reading`, for good. `works` reports whether the process still works
    /// without capabilities: before Linux 5.19 it needs CAP_BPF.
    ///
    /// What this machine can't take away is noted, and not an error.
    ///
    /// # Errors
    /// The process can't become the user of --user, or that user may not read the directory to
    /// serve.
    pub(crate) fn enter(
        &self,
        reading: &Reading<'_>,
        works: impl Fn() -> bool,
    ) -> anyhow::Result<()> {
        let whole = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, reading.root, whole, Mode::empty())
            .with_context(|| format!("--root {}: open(2)", reading.root.display()))?;
        let parent = ParentDeathSignal::read()?;
        capabilities::drop_bounding_set();
        self.become_user(reading.root)?;
        let kept = match self.user {
            User::Root => CapabilitySet::DAC_READ_SEARCH,
            _ => CapabilitySet::empty(),
        };
        match capabilities::drop_all_but(kept, works) {
            Ok(needed) if needed.is_empty() => {}
            Ok(_) => self.note(
                "CAP_BPF is kept: before Linux 5.19, reading the XDP program's counters needs it",
            ),
            Err(errno) => self.note(format_args!("capabilities are kept: capset(2): {errno}")),
        }
        parent.ask_again()?;
        openat(&root, ".", whole, Mode::empty()).map_err(|errno| {
            anyhow!(
                "--root {}: openat(2): {errno}: {} may not enter it; let every user enter it \
                 (chmod o+x), choose another --user, or stay root with --user root",
                reading.root.display(),
                self.name()
            )
        })?;
        set_no_new_privs(true).context("prctl(PR_SET_NO_NEW_PRIVS)")?;
        if self.is_bounded {
            files::bound(&root, reading).unwrap_or_else(|why| self.note(why));
            calls::bound().unwrap_or_else(|why| self.note(why));
        }
        tracing::info!(user = %self.name(), bounded = self.is_bounded, "confined");
        Ok(())
    }

    /// Becomes the user. Becomes nobody only if that is possible, and leaves a path to the
    /// directory that is served.
    fn become_user(&self, root: &Path) -> anyhow::Result<()> {
        match &self.user {
            User::Chosen(account) => account.become_it().map_err(|error| {
                anyhow!(
                    "--user {}: {error:#}; run as root, or leave it out",
                    account.name
                )
            }),
            User::Nobody(account) => {
                let outcome = match is_switched_behind_doors(root) {
                    true => Err(anyhow!(
                        "the path of --root {} has a symbolic link, and {} could not follow it once \
                         it is switched: chmod o+x the directories above, or choose a --user",
                        root.display(),
                        account.name
                    )),
                    false => account.become_it(),
                };
                outcome.unwrap_or_else(|error| {
                    let why = report::describe(&error);
                    self.note(format_args!(
                        "serve stays root, without capabilities: {why}"
                    ));
                });
                Ok(())
            }
            User::Root | User::Same => Ok(()),
        }
    }

    /// Notes what could not be taken away, once for all threads.
    fn note(&self, what: impl Display) {
        let what = what.to_string();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&what) {
            report::say(format_args!("xskit: note: {what}"));
            said.insert(what);
        }
    }

    /// The user that it becomes, or stays.
    pub(crate) fn name(&self) -> &str {
        match &self.user {
            User::Chosen(account) | User::Nobody(account) => &account.name,
            User::Root => "root",
            User::Same => "this user",
        }
    }
}

/// The parent-death signal, which the process or its parent asked for. A change of user or
/// capabilities clears it.
struct ParentDeathSignal {
    signal: Option<Signal>,
    parent: Option<Pid>,
}

impl ParentDeathSignal {
    /// prctl(PR_GET_PDEATHSIG).
    fn read() -> anyhow::Result<Self> {
        Ok(Self {
            signal: parent_process_death_signal().context("prctl(PR_GET_PDEATHSIG)")?,
            parent: getppid(),
        })
    }

    /// prctl(PR_SET_PDEATHSIG). Fails if the parent died meanwhile: the signal would never come.
    fn ask_again(&self) -> anyhow::Result<()> {
        if self.signal.is_none() {
            return Ok(());
        }
        set_parent_process_death_signal(self.signal).context("prctl(PR_SET_PDEATHSIG)")?;
        ensure!(getppid() == self.parent, "the parent process has ended");
        Ok(())
    }
}

/// Whether a symbolic link, which may be switched, is on the path to `root`, and not every user may
/// search that path.
fn is_switched_behind_doors(root: &Path) -> bool {
    let Ok(path) = std::path::absolute(root) else {
        return false;
    };
    let is_open = |step: &Path| {
        let mode = step.metadata().map(|it| it.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o001 != 0)
    };
    path.ancestors().any(Path::is_symlink) && !path.ancestors().all(is_open)
}
