//! Attaching and detaching: the mode asked for and obtained, and refusals with their causes.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::CapabilitySet;
use xskit_bpf::{AttachMode, AttachedMode, Error, OccupantMode, XdpProgram};

use crate::namespace::{in_namespace, index_of, ip, veth_pair};
use crate::privilege;

/// How `ip` shows that a program is on the interface: " xdp/" is native, " xdpgeneric/" generic.
fn shown(interface: &str) -> Option<AttachedMode> {
    let text = ip(&format!("link show dev {interface}"));
    if text.contains(" xdpgeneric") {
        Some(AttachedMode::Generic)
    } else if text.contains(" xdp") {
        Some(AttachedMode::Native)
    } else {
        None
    }
}

/// A veth has native mode, the loopback interface has not.
#[test]
fn native_where_it_can_be_generic_otherwise_and_gone_when_dropped() {
    in_namespace(|| {
        veth_pair();
        let program = XdpProgram::load(1).unwrap();
        for (interface, mode, obtained) in [
            ("b", AttachMode::Auto, AttachedMode::Native),
            ("b", AttachMode::Native, AttachedMode::Native),
            ("b", AttachMode::Generic, AttachedMode::Generic),
            ("lo", AttachMode::Auto, AttachedMode::Generic),
        ] {
            let attachment = program.attach(index_of(interface), mode).unwrap();
            assert_eq!(attachment.mode(), obtained, "{interface} {mode:?}");
            assert_eq!(shown(interface), Some(obtained), "{interface} {mode:?}");
            let refusal = attachment.native_refusal();
            assert_eq!(
                refusal.is_some(),
                interface == "lo",
                "{mode:?}: {refusal:?}"
            );
            if let Some(refusal) = refusal {
                assert_eq!(refusal.error().kind(), ErrorKind::Unsupported);
                assert!(refusal.to_string().contains("no native XDP"), "{refusal}");
            }
            drop(attachment);
            assert_eq!(shown(interface), None, "{interface} {mode:?}");
        }
        let refused = program
            .attach(index_of("lo"), AttachMode::Native)
            .unwrap_err();
        let is_refused =
            matches!(&refused, Error::NativeRefused { interface, .. } if interface == "lo");
        assert!(is_refused, "{refused}");
        assert_eq!(shown("lo"), None);
    });
}

#[test]
fn an_mtu_too_large_for_native() {
    in_namespace(|| {
        let b = veth_pair();
        ip("link set dev a mtu 9000");
        ip("link set dev b mtu 9000");
        let program = XdpProgram::load(1).unwrap();
        let refused = program
            .attach(b, AttachMode::Native)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("MTU") && refused.contains("mtu 1500"),
            "{refused}"
        );
        let attachment = program.attach(b, AttachMode::Auto).unwrap();
        assert_eq!(attachment.mode(), AttachedMode::Generic);
        let refusal = attachment.native_refusal().unwrap().to_string();
        assert!(refusal.contains("MTU"), "{refusal}");
    });
}

/// Whatever modes the two have, the error names the first program, which stays attached.
#[test]
fn a_second_program_is_told_of_the_first() {
    in_namespace(|| {
        let b = veth_pair();
        let first = XdpProgram::load(1).unwrap();
        let second = XdpProgram::load(1).unwrap();
        for (mode, occupant_mode, remedy) in [
            (AttachMode::Native, OccupantMode::Native, "b xdpdrv off"),
            (
                AttachMode::Generic,
                OccupantMode::Generic,
                "b xdpgeneric off",
            ),
        ] {
            let attachment = first.attach(b, mode).unwrap();
            for wanted in [AttachMode::Auto, AttachMode::Native, AttachMode::Generic] {
                let refused = second.attach(b, wanted).unwrap_err();
                let text = refused.to_string();
                let Error::Occupied {
                    interface,
                    occupant,
                } = refused
                else {
                    panic!("{text}")
                };
                assert_eq!((&*interface, occupant.mode), ("b", occupant_mode));
                assert_eq!(occupant.name.as_deref(), Some("xskit_take"));
                for words in [remedy, "xskit_take", &occupant.id.to_string()] {
                    assert!(text.contains(words), "no {words:?} in {text}");
                }
            }
            assert_eq!(shown("b"), Some(attachment.mode()));
        }
        assert_eq!(shown("b"), None);
    });
}

/// The name takes CAP_SYS_ADMIN; without it the identifier and mode remain.
#[test]
fn with_less_privilege_the_first_program_has_no_name() {
    in_namespace(|| {
        let b = veth_pair();
        let program = XdpProgram::load(1).unwrap();
        let _attachment = program.attach(b, AttachMode::Native).unwrap();
        let keep = CapabilitySet::BPF | CapabilitySet::NET_ADMIN;
        let refused =
            privilege::with_only(keep, || program.attach(b, AttachMode::Native)).unwrap_err();
        let Error::Occupied { occupant, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!(occupant.name, None);
        assert_ne!(occupant.id, 0);
    });
}

#[test]
fn an_interface_that_is_not_there() {
    in_namespace(|| {
        let program = XdpProgram::load(1).unwrap();
        for ifindex in [0, 999_999, u32::MAX] {
            let refused = program.attach(ifindex, AttachMode::Auto).unwrap_err();
            assert!(
                matches!(refused, Error::NoInterface { .. }),
                "{ifindex}: {refused}"
            );
        }
    });
}

#[test]
fn an_attachment_outlives_its_program() {
    in_namespace(|| {
        let b = veth_pair();
        let program = XdpProgram::load(1).unwrap();
        let attachment = program.attach(b, AttachMode::Native).unwrap();
        drop(program);
        assert_eq!(shown("b"), Some(AttachedMode::Native));
        drop(attachment);
        assert_eq!(shown("b"), None);
    });
}

#[test]
fn an_interface_that_goes_takes_the_program_along() {
    in_namespace(|| {
        let b = veth_pair();
        let program = XdpProgram::load(1).unwrap();
        let attachment = program.attach(b, AttachMode::Native).unwrap();
        ip("link delete dev a");
        let next = veth_pair();
        let next = program.attach(next, AttachMode::Native).unwrap();
        drop(attachment);
        assert_eq!(shown("b"), Some(next.mode()));
    });
}

/// A second process attaches, and is killed without a chance to clean up.
#[test]
fn a_killed_process_leaves_nothing() {
    in_namespace(|| {
        veth_pair();
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "attaching::holder", "--ignored", "--nocapture"])
            .env(HOLDER, "b")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let attached = lines
            .map_while(Result::ok)
            .any(|line| line.contains("attached"));
        assert!(attached);
        assert_eq!(shown("b"), Some(AttachedMode::Native));
        holder.kill().unwrap();
        holder.wait().unwrap();
        wait_until(|| shown("b").is_none());
    });
}

const HOLDER: &str = "XSKIT_TEST_HOLDER";

/// The second process: attaches, says so, and holds on for as long as the first one lives.
#[test]
#[ignore = "started by a_killed_process_leaves_nothing"]
fn holder() {
    let Some(interface) = std::env::var(HOLDER).ok() else {
        return;
    };
    let program = XdpProgram::load(1).unwrap();
    let _attachment = program
        .attach(index_of(&interface), AttachMode::Native)
        .unwrap();
    println!("attached");
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Packets take a moment from one end to the other; the limit only prevents a hang.
fn wait_until(condition: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < give_up, "it never came about");
        std::thread::sleep(Duration::from_millis(1));
    }
}
