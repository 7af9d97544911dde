//! Which datagrams are taken, by port and address.

use std::net::IpAddr;

use xskit_bpf::{Error, Only, XdpProgram};

use crate::dry_run::{Verdict, verdict};
use crate::packet::*;
use crate::privilege;

const ROOM: u32 = 8192;

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// Whether the program takes the IPv4 and the IPv6 fixture.
fn takes(program: &XdpProgram) -> [bool; 2] {
    [udp4(), udp6()].map(|frame| match verdict(program, &frame) {
        Verdict::NoSocket => true,
        Verdict::Passed => false,
        other => panic!("{other:?}"),
    })
}

/// Each rule by itself on a program that has no other, and after it has been released.
#[test]
fn take_by_port_and_address() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    assert_eq!(takes(&program), [false, false]);
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
        program.take(port, address).unwrap();
        assert_eq!(takes(&program), expected, "{port} {address:?}");
        assert!(program.release(port, address).unwrap());
        assert_eq!(
            takes(&program),
            [false, false],
            "{port} {address:?} released"
        );
    }
}

#[test]
fn rules_add_up_and_end_one_by_one() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    let here = address("192.0.2.2");
    program.take(PORT, here).unwrap();
    program.take(PORT, None).unwrap();
    program.take(PORT, None).unwrap();
    assert!(program.release(PORT, None).unwrap());
    assert!(!program.release(PORT, None).unwrap());
    assert_eq!(takes(&program), [true, false]);
    assert!(program.release(PORT, here).unwrap());
    assert_eq!(takes(&program), [false, false]);
}

#[test]
fn one_address_of_a_port_ends_and_the_other_stays() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    let (ipv4, ipv6) = (address("192.0.2.2"), address("2001:db8::2"));
    program.take(PORT, ipv4).unwrap();
    program.take(PORT, ipv6).unwrap();
    assert!(program.release(PORT, ipv6).unwrap());
    assert!(!program.release(PORT, ipv6).unwrap());
    assert_eq!(takes(&program), [true, false]);
    program.take(PORT, None).unwrap();
    assert!(program.release(PORT, None).unwrap());
    assert_eq!(takes(&program), [true, false]);
}

#[test]
fn any_address_but_one_version() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    program.take(PORT, None).unwrap();
    assert!(program.release(PORT, address("::")).unwrap());
    assert_eq!(takes(&program), [true, false]);
    assert!(program.release(PORT, None).unwrap());
    assert_eq!(takes(&program), [false, false]);
}

#[test]
fn port_zero_is_refused() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    assert!(matches!(program.take(0, None), Err(Error::PortZero)));
}

#[test]
fn a_rule_too_many_changes_nothing() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    let here = address("192.0.2.2");
    for n in 1..=ROOM {
        let other = Some(IpAddr::from(n.to_be_bytes()));
        program.take(9, other).unwrap();
    }
    let refused = || matches!(program.take(PORT, here), Err(Error::TooManyRules));
    assert!(refused());
    assert_eq!(takes(&program), [false, false]);
    // What is there may be taken again, and any address needs no room.
    program.take(9, address("0.0.0.1")).unwrap();
    program.take(PORT, address("::")).unwrap();
    assert!(refused());
    assert_eq!(takes(&program), [false, true]);
    assert!(program.release(9, address("0.0.0.1")).unwrap());
    program.take(PORT, here).unwrap();
    assert_eq!(takes(&program), [true, true]);
}

/// The rules of all ports at any address have room at once, and each is its own.
#[test]
fn every_port_at_any_address() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    for port in (1..=u16::MAX).filter(|&port| port != PORT) {
        program.take(port, None).unwrap();
    }
    assert_eq!(takes(&program), [false, false]);
    program.take(PORT, None).unwrap();
    assert_eq!(takes(&program), [true, true]);
}

/// A port's rules share a byte that each change reads first: changes from two threads must not undo
/// one another.
#[test]
fn rules_of_one_port_change_from_two_threads() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
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
    assert_eq!(takes(&program), [false, false]);
}

/// As in the kernel's own stack: no frame to another host's MAC address, and a tagged one only if
/// its VLAN is set up.
#[test]
fn frames_are_limited_to_a_mac_address_and_vlans() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
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
    let taken = |mac: Option<[u8; 6]>, vlans: Option<&[u16]>| {
        let vlans = vlans.map(<[u16]>::to_vec);
        program.limit(&Only { mac, vlans }).unwrap();
        frames
            .each_ref()
            .map(|frame| match verdict(&program, frame) {
                Verdict::NoSocket => 1,
                Verdict::Passed => 0,
                other => panic!("{other:?}"),
            })
    };
    let ours = Some([2, 0, 0, 0, 0, 2]);
    assert_eq!(taken(None, None), [1; 8]);
    assert_eq!(taken(ours, None), [1, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(taken(None, Some(&[])), [1, 1, 1, 0, 0, 0, 1, 0]);
    assert_eq!(
        taken(ours, Some(&[7, 0x2a, 4095, 4096])),
        [1, 0, 0, 1, 1, 0, 1, 0]
    );
    assert_eq!(taken(None, Some(&[0x2b])), [1, 1, 1, 0, 0, 1, 1, 0]);
    assert_eq!(taken(None, None), [1; 8]);
}

/// All frames are taken, malformed ones too, and rules don't apply meanwhile.
#[test]
fn all_frames_are_taken_until_rules_count_again() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    program.take(PORT, None).unwrap();
    let frames = [
        udp4(),
        ipv4(&[], TCP, &[0; 20]),
        ethernet(0x0806, &[0; 28]),
        udp4()[..ETHERNET_LEN + 3].to_vec(),
        ethernet(TAG_C, &[]),
        tagged(TAG_S, &tagged(TAG_C, &tagged(TAG_C, &udp4()))),
    ];
    let verdicts = || frames.each_ref().map(|frame| verdict(&program, frame));
    let by_rules = verdicts();
    assert_eq!(by_rules[0], Verdict::NoSocket);
    assert!(!by_rules[1..].contains(&Verdict::NoSocket), "{by_rules:?}");
    program.take_all().unwrap();
    assert_eq!(verdicts(), [Verdict::NoSocket; 6]);
    assert!(program.release(PORT, None).unwrap());
    assert_eq!(verdicts(), [Verdict::NoSocket; 6]);
    program.take_by_rules().unwrap();
    assert_eq!(verdicts()[0], Verdict::Passed);
    assert_eq!(verdicts()[1..], by_rules[1..]);
}

/// A limit also holds if all frames are taken, and neither setting undoes the other.
#[test]
fn all_frames_within_the_limit() {
    use Verdict::{Malformed, NoSocket, Passed};
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    let vlan = |id| with_u16(tagged(TAG_C, &ethernet(0x0806, &[0; 28])), 14, id);
    let frames = [
        ethernet(0x0806, &[0; 28]),
        with_u8(ethernet(0x0806, &[0; 28]), 5, 3),
        vlan(0x2a),
        vlan(0x2b),
        vlan(0xe000),
        tagged(TAG_S, &tagged(TAG_C, &udp4())),
        ethernet(TAG_C, &[0]),
    ];
    let verdicts = |mac: Option<[u8; 6]>, vlans: Option<&[u16]>| {
        let vlans = vlans.map(<[u16]>::to_vec);
        program.limit(&Only { mac, vlans }).unwrap();
        frames.each_ref().map(|frame| verdict(&program, frame))
    };
    let ours = Some([2, 0, 0, 0, 0, 2]);
    program.take_all().unwrap();
    assert_eq!(verdicts(None, None), [NoSocket; 7]);
    let mut to_ours = [NoSocket; 7];
    to_ours[1] = Passed;
    assert_eq!(verdicts(ours, None), to_ours);
    let vlan_too = [
        NoSocket, Passed, NoSocket, Passed, NoSocket, Passed, Malformed,
    ];
    assert_eq!(verdicts(ours, Some(&[0x2a])), vlan_too);
    program.take_by_rules().unwrap();
    program.take_all().unwrap();
    let again = frames.each_ref().map(|frame| verdict(&program, frame));
    assert_eq!(again, vlan_too);
}
