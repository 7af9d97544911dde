//! Files, restricted by Landlock: a few directories may be read, and nothing written, created,
//! removed or executed, except that files in the logs' directories may be created and written. No
//! TCP port may be bound or connected to, no other process signalled.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::Reading;

/// The Landlock ABI used. Older kernels enforce what they know of it.
const KNOWN: ABI = ABI::V7;

/// Also read: the processors, by the C library and libbpf, and the interface's rp_filter.
const ABOUT_THE_SYSTEM: [&str; 2] = ["/sys/devices/system/cpu", "/proc/sys/net/ipv4/conf"];

/// Restricts the calling thread. The error is the text to report.
pub(super) fn bound(root: &OwnedFd, reading: &Reading<'_>) -> Result<(), String> {
    match restrict(root, reading) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Ok(RulesetStatus::NotEnforced) => Err(
            "files are not restricted: this kernel has no Landlock (Linux 5.13, with `landlock` in \
             its lsm= list)"
                .to_owned(),
        ),
        Err(error) => Err(format!("files are not restricted by Landlock: {error}")),
    }
}

fn restrict(root: &OwnedFd, reading: &Reading<'_>) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let paths = [reading.root]
        .into_iter()
        .chain(reading.again.iter().copied());
    let places = paths
        .flat_map(places)
        .chain(ABOUT_THE_SYSTEM.map(PathBuf::from));
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rule(PathBeneath::new(root, read))?
        .add_rules(path_beneath_rules(places, read))?;
    for directory in &reading.logs {
        let append = AccessFs::WriteFile | AccessFs::MakeReg;
        rules = rules.add_rule(PathBeneath::new(directory, append))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// The directories that `path` may lead to: the one that holds its target now, and the one that
/// holds the target of each link on the way, since links get switched.
fn places(path: &Path) -> Vec<PathBuf> {
    let steps = path
        .ancestors()
        .filter(|step| *step == path || step.is_symlink());
    let targets = steps.filter_map(|step| step.canonicalize().ok());
    targets.map(holder).collect()
}

/// The directory that holds `target`; `target` itself if that is directly under `/`.
fn holder(target: PathBuf) -> PathBuf {
    match target.parent() {
        Some(parent) if parent.parent().is_some() => parent.to_owned(),
        _ => target,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, create_dir_all};
    use std::io::ErrorKind;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::thread;

    use landlock::RulesetStatus;

    use super::{Reading, places, restrict};

    #[test]
    fn what_is_served_can_be_read_and_nothing_written() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        for release in ["releases/1", "releases/2", "elsewhere"] {
            create_dir_all(dir.join(release)).unwrap();
            fs::write(dir.join(release).join("file"), release).unwrap();
        }
        let current = dir.join("current");
        symlink("releases/1", &current).unwrap();
        let root = OwnedFd::from(File::open(&current).unwrap());
        create_dir_all(dir.join("log")).unwrap();
        let log = File::open(dir.join("log")).unwrap();
        let bounded = || {
            let reading = Reading {
                root: &current,
                again: Vec::new(),
                logs: vec![log.as_fd()],
            };
            let status = restrict(&root, &reading).unwrap();
            let file = |path: &str| fs::read_to_string(dir.join(path));
            let append = File::options().append(true).create(true).clone();
            (
                status,
                file("current/file").ok(),
                file("releases/2/file").ok(),
                append.open(dir.join("log/new")).is_ok(),
                [
                    append.open(dir.join("more")).err(),
                    fs::remove_file(dir.join("log/new")).err(),
                    file("log/new").err(),
                    file("elsewhere/file").err(),
                    fs::write(dir.join("releases/1/file"), "").err(),
                    fs::write(dir.join("releases/1/more"), "").err(),
                    fs::remove_file(dir.join("releases/1/file")).err(),
                    fs::create_dir(dir.join("releases/3")).err(),
                ],
            )
        };
        // On a thread of its own, so the rest of this process is not restricted.
        let (status, now, next, logs, refused) =
            thread::scope(|scope| scope.spawn(bounded).join()).unwrap();
        if status == RulesetStatus::NotEnforced {
            println!(
                "skipped: needs Landlock (test what_is_served_can_be_read_and_nothing_written)"
            );
            return;
        }
        assert_eq!(now.as_deref(), Some("releases/1"));
        assert_eq!(next.as_deref(), Some("releases/2"));
        assert!(logs);
        let kinds = refused.map(|error| error.map(|error| error.kind()));
        assert_eq!(kinds, [Some(ErrorKind::PermissionDenied); 8]);
    }

    #[test]
    fn what_may_be_switched_to_is_within() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        create_dir_all(dir.join("releases/1/public")).unwrap();
        symlink("releases/1", dir.join("current")).unwrap();
        let holders = places(&dir.join("current/public"));
        assert_eq!(holders, [dir.join("releases/1"), dir.join("releases")]);
        assert_eq!(places(&dir.join("releases")), [dir.as_path()]);
        assert!(places(&dir.join("nothing")).is_empty());
        // Not all of `/` for one directory.
        assert_eq!(places(Path::new("/proc")), [Path::new("/proc")]);
        assert_eq!(places(Path::new("/")), [Path::new("/")]);
    }
}
