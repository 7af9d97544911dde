//! Which datagrams are taken, by port and address.

use std::net::IpAddr;

use xskit_bpf::{Error, Only, XdpProgram};

use crate::dry_run::{Verdict, takes, verdict};
use crate::packet::*;
use crate::privilege;

const ROOM: u32 = 8192;

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// Whether the program takes the IPv4 and the IPv6 fixture.
fn takes_each(program: &XdpProgram) -> [bool; 2] {
    [udp4(), udp6()].map(|frame| takes(program, &frame))
}

/// Each rule by itself on a program that has no other, and after it has been released.
#[test]
fn take_by_port_and_address() {
    let Some(program) = privilege::program() else {
        return;
    };
    assert_eq!(takes_each(&program), [false, false]);
    let cases = [
        (PORT, None, [true, true]),
        (PORT, address("0.0.0.0"), [true, false]),
        (PORT, address("::"), [false, true]),
        (PORT, address("192.0.2.2"), [true, false]),
        (PORT, address("::ffff:192.0.2.2"), [true, false]),
        (PORT, address("2001:db8::2"), [false, true]),
        (PORT, address("192.0.2.1"), [false, false]),
        (PORT, address("2001:db8::1"), [false, false]),
        // The same 16 bytes as the IPv4 rule has, of the other version.
        (PORT, address("c000:202::"), [false, false]),
        (PORT + 1, address("192.0.2.2"), [false, false]),
        (PORT.swap_bytes(), None, [false, false]),
    ];
    for (port, address, expected) in cases {
        let case = format!("{port} {address:?}");
        program.take(port, address).unwrap();
        assert_eq!(takes_each(&program), expected, "{case}");
        assert!(program.release(port, address).unwrap(), "{case}");
        assert_eq!(takes_each(&program), [false, false], "{case} released");
    }
    assert!(matches!(program.take(0, None), Err(Error::PortZero)));
}

/// Each step takes an address of the port (+), releases one (-), or finds none to release (!).
#[test]
fn rules_add_up_and_end_one_by_one() {
    let Some(program) = privilege::program() else {
        return;
    };
    for (steps, expected) in [
        // Taken twice, a rule is there once.
        ("+192.0.2.2 +any +any -any !any", [true, false]),
        ("-192.0.2.2", [false, false]),
        (
            "+192.0.2.2 +2001:db8::2 -2001:db8::2 !2001:db8::2",
            [true, false],
        ),
        ("+any -any", [true, false]),
        ("-192.0.2.2", [false, false]),
        // Any address, and then only one version's.
        ("+any -::", [true, false]),
        ("-any", [false, false]),
    ] {
        for step in steps.split(' ') {
            let (action, name) = step.split_at(1);
            let address = (name != "any").then(|| name.parse().unwrap());
            match action {
                "+" => program.take(PORT, address).unwrap(),
                _ => assert_eq!(
                    program.release(PORT, address).unwrap(),
                    action == "-",
                    "{step}"
                ),
            }
        }
        assert_eq!(takes_each(&program), expected, "{steps}");
    }
}

#[test]
fn a_rule_too_many_changes_nothing() {
    let Some(program) = privilege::program() else {
        return;
    };
    let here = address("192.0.2.2");
    for n in 1..=ROOM {
        let other = Some(IpAddr::from(n.to_be_bytes()));
        program.take(9, other).unwrap();
    }
    let refused = || matches!(program.take(PORT, here), Err(Error::TooManyRules));
    assert!(refused());
    assert_eq!(takes_each(&program), [false, false]);
    // What is there may be taken again, and any address needs no room.
    program.take(9, address("0.0.0.1")).unwrap();
    program.take(PORT, address("::")).unwrap();
    assert!(refused());
    assert_eq!(takes_each(&program), [false, true]);
    assert!(program.release(9, address("0.0.0.1")).unwrap());
    program.take(PORT, here).unwrap();
    assert_eq!(takes_each(&program), [true, true]);
}

/// The rules of all ports at any address have room at once, and each is its own.
#[test]
fn every_port_at_any_address() {
    let Some(program) = privilege::program() else {
        return;
    };
    for port in (1..=u16::MAX).filter(|&port| port != PORT) {
        program.take(port, None).unwrap();
    }
    assert_eq!(takes_each(&program), [false, false]);
    program.take(PORT, None).unwrap();
    assert_eq!(takes_each(&program), [true, true]);
}

/// A port's rules share a byte that each change reads first: changes from two threads must not undo
/// one another.
#[test]
fn rules_of_one_port_change_from_two_threads() {
    let Some(program) = privilege::program() else {
        return;
    };
    let change = |any| {
        for _ in 0..10_000 {
            program.take(PORT, address(any)).unwrap();
            assert!(program.release(PORT, address(any)).unwrap(), "{any}");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| change("0.0.0.0"));
        change("::");
    });
    assert_eq!(takes_each(&program), [false, false]);
}

/// Limits the program to our MAC address, if asked to, and to VLANs. Returns the verdicts then.
fn limited(
    program: &XdpProgram,
    is_ours_alone: bool,
    vlans: Option<&[u16]>,
    frames: &[Vec<u8>],
) -> Vec<Verdict> {
    let mac = is_ours_alone.then_some([2, 0, 0, 0, 0, 2]);
    let vlans = vlans.map(<[u16]>::to_vec);
    program.limit(&Only { mac, vlans }).unwrap();
    verdicts(program, frames)
}

fn verdicts(program: &XdpProgram, frames: &[Vec<u8>]) -> Vec<Verdict> {
    frames.iter().map(|frame| verdict(program, frame)).collect()
}

/// As in the kernel's own stack: no frame to another host's MAC address, and a tagged one only if
/// its VLAN is set up.
#[test]
fn frames_are_limited_to_a_mac_address_and_vlans() {
    let Some(program) = privilege::program() else {
        return;
    };
    program.take(PORT, None).unwrap();
    let vlan = |id| with_u16(tagged(TAG_C, &udp4()), 14, id);
    let frames = [
        udp4(),
        with_u8(udp6(), 0, 4),
        with_u8(udp4(), 5, 3),
        vlan(0x2a),
        vlan(0xf02a),
        vlan(0x2b),
        vlan(0xe000),
        tagged(TAG_S, &tagged(TAG_C, &udp4())),
    ];
    let cases = [
        (false, None, [1; 8]),
        (true, None, [1, 0, 0, 1, 1, 1, 1, 1]),
        (false, Some(&[][..]), [1, 1, 1, 0, 0, 0, 1, 0]),
        (true, Some(&[7, 0x2a, 4095, 4096]), [1, 0, 0, 1, 1, 0, 1, 0]),
        (false, Some(&[0x2b]), [1, 1, 1, 0, 0, 1, 1, 0]),
        (false, None, [1; 8]),
    ];
    for (mac, vlans, taken) in cases {
        let expected =
            taken.map(|taken: u8| [Verdict::Passed, Verdict::NoSocket][usize::from(taken)]);
        let found = limited(&program, mac, vlans, &frames);
        assert_eq!(found, expected, "{mac} {vlans:?}");
    }
}

/// All frames are taken, malformed ones too, and rules don't apply meanwhile.
#[test]
fn all_frames_are_taken_until_rules_count_again() {
    let Some(program) = privilege::program() else {
        return;
    };
    program.take(PORT, None).unwrap();
    let frames = [
        udp4(),
        ipv4(&[], TCP, &[0; 20]),
        arp(),
        udp4()[..ETHERNET_LEN + 3].to_vec(),
        ethernet(TAG_C, &[]),
        tagged(TAG_S, &tagged(TAG_C, &tagged(TAG_C, &udp4()))),
    ];
    let by_rules = verdicts(&program, &frames);
    assert_eq!(by_rules[0], Verdict::NoSocket);
    assert!(!by_rules[1..].contains(&Verdict::NoSocket), "{by_rules:?}");
    program.take_all().unwrap();
    assert_eq!(verdicts(&program, &frames), [Verdict::NoSocket; 6]);
    assert!(program.release(PORT, None).unwrap());
    assert_eq!(verdicts(&program, &frames), [Verdict::NoSocket; 6]);
    program.take_by_rules().unwrap();
    let again = verdicts(&program, &frames);
    assert_eq!((again[0], &again[1..]), (Verdict::Passed, &by_rules[1..]));
}

/// A limit also holds if all frames are taken, and neither setting undoes the other.
#[test]
fn all_frames_within_the_limit() {
    use Verdict::{Malformed, NoSocket as Taken, Passed};
    let Some(program) = privilege::program() else {
        return;
    };
    let vlan = |id| with_u16(tagged(TAG_C, &arp()), 14, id);
    let frames = [
        arp(),
        with_u8(arp(), 5, 3),
        vlan(0x2a),
        vlan(0x2b),
        vlan(0xe000),
        tagged(TAG_S, &tagged(TAG_C, &udp4())),
        ethernet(TAG_C, &[0]),
    ];
    program.take_all().unwrap();
    assert_eq!(limited(&program, false, None, &frames), [Taken; 7]);
    let to_ours = [Taken, Passed, Taken, Taken, Taken, Taken, Taken];
    assert_eq!(limited(&program, true, None, &frames), to_ours);
    let vlan_too = [Taken, Passed, Taken, Passed, Taken, Passed, Malformed];
    assert_eq!(limited(&program, true, Some(&[0x2a]), &frames), vlan_too);
    program.take_by_rules().unwrap();
    program.take_all().unwrap();
    assert_eq!(verdicts(&program, &frames), vlan_too);
}
