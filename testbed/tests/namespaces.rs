//! Threads and child processes get into a namespace, and only they.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

use xskit_testbed::{Error, Link, Namespace, WhenParentDies, privilege};

const SIGKILL: i32 = 9;

/// The number by which `/proc` names a network namespace.
fn inode_of_this_thread() -> u64 {
    File::open("/proc/thread-self/ns/net")
        .unwrap()
        .metadata()
        .unwrap()
        .ino()
}

fn inode_of(namespace: &Namespace) -> u64 {
    File::from(namespace.as_fd().try_clone_to_owned().unwrap())
        .metadata()
        .unwrap()
        .ino()
}

#[test]
fn a_new_namespace_has_loopback_up_and_nothing_else() {
    if !privilege::require_net_admin("a_new_namespace_has_loopback_up_and_nothing_else") {
        return;
    }
    let namespace = Namespace::new().unwrap();
    let links = namespace.run(Link::all).unwrap().unwrap();
    assert_eq!(
        links
            .iter()
            .filter(|link| link.is_up)
            .map(|link| link.name.as_str())
            .collect::<Vec<_>>(),
        ["lo"]
    );
}

#[test]
fn only_the_task_is_inside() {
    if !privilege::require_net_admin("only_the_task_is_inside") {
        return;
    }
    let outside = inode_of_this_thread();
    let namespace = Namespace::new().unwrap();
    assert_eq!(inode_of_this_thread(), outside);
    let inside = namespace.run(inode_of_this_thread).unwrap();
    assert_eq!(inside, inode_of(&namespace));
    assert_ne!(inside, outside);
    assert_eq!(inode_of_this_thread(), outside);
}

#[test]
fn a_thread_that_enters_stays_inside_with_those_that_it_starts() {
    if !privilege::require_net_admin("a_thread_that_enters_stays_inside_with_those_that_it_starts")
    {
        return;
    }
    let namespace = Namespace::new().unwrap();
    let (own, started) = thread::scope(|scope| {
        let inside = scope.spawn(|| {
            namespace.enter().unwrap();
            (
                inode_of_this_thread(),
                thread::spawn(inode_of_this_thread).join().unwrap(),
            )
        });
        inside.join().unwrap()
    });
    assert_eq!((own, started), (inode_of(&namespace), inode_of(&namespace)));
}

#[test]
fn a_panic_of_the_task_goes_on_in_the_caller() {
    if !privilege::require_net_admin("a_panic_of_the_task_goes_on_in_the_caller") {
        return;
    }
    let namespace = Namespace::new().unwrap();
    let caught = thread::spawn(move || namespace.run(|| panic!("of the task")))
        .join()
        .unwrap_err();
    assert_eq!(caught.downcast_ref::<&str>(), Some(&"of the task"));
}

#[test]
fn a_child_process_starts_inside() {
    if !privilege::require_net_admin("a_child_process_starts_inside") {
        return;
    }
    let namespace = Namespace::new().unwrap();
    for when_parent_dies in [WhenParentDies::LiveOn, WhenParentDies::Kill] {
        let mut command = Command::new("readlink");
        command.arg("/proc/self/ns/net");
        namespace
            .enter_command(&mut command, when_parent_dies)
            .unwrap();
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.trim(), format!("net:[{}]", inode_of(&namespace)));
    }
}

#[test]
fn a_child_process_dies_with_the_thread_that_started_it() {
    if !privilege::require_net_admin("a_child_process_dies_with_the_thread_that_started_it") {
        return;
    }
    let namespace = Namespace::new().unwrap();
    // `cat` waits for its input, which this test keeps open: it ends by the signal or not at all.
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    namespace
        .enter_command(&mut command, WhenParentDies::Kill)
        .unwrap();
    let mut child = thread::spawn(move || command.spawn().unwrap())
        .join()
        .unwrap();
    let input = child.stdin.take();
    assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL));
    drop(input);
}

#[test]
fn without_the_capability_the_error_names_it() {
    // Giving up a capability concerns only the thread that does it, so this needs no privilege to
    // be tested.
    let error = thread::spawn(|| {
        let mut sets = rustix::thread::capabilities(None).unwrap();
        sets.effective = rustix::thread::CapabilitySet::empty();
        rustix::thread::set_capabilities(None, sets).unwrap();
        Namespace::new().unwrap_err()
    });
    let error = error.join().unwrap();
    assert!(
        matches!(
            error,
            Error::Network(xskit_net::Error::MissingCapability {
                capability: "CAP_SYS_ADMIN",
                ..
            })
        ),
        "{error}"
    );
}
