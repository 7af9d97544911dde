//! Rules by protocol, ports, addresses and VLAN: one by one, at random against the oracle, and by
//! the thousand.

use std::net::{IpAddr, Ipv4Addr};

use fastrand::Rng;
use xskit_bpf::{Error, Only, Prefix, Rule, XdpProgram};

use crate::dry_run::{Verdict, takes, verdict};
use crate::oracle::{Protocol, Wanted, read};
use crate::packet::*;
use crate::privilege;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// One frame of each kind that a rule can tell apart.
fn frames() -> [(&'static str, Vec<u8>); 10] {
    [
        ("udp4", udp4()),
        ("udp6", udp6()),
        ("tcp4", ipv4(&[1; 4], TCP, &tcp(PORT))),
        ("tcp6", ipv6(TCP, &tcp(PORT))),
        ("icmp4", ipv4(&[], ICMP, &[8, 0, 0, 0])),
        ("icmp6", ipv6(ICMPV6, &[135, 0, 0, 0])),
        ("fragment4", with_u16(udp4(), ETHERNET_LEN + 6, 0x2000)),
        ("extended6", extended(60)),
        ("tagged4", tagged(TAG_C, &udp4())),
        ("twice6", tagged(TAG_S, &tagged(TAG_C, &udp6()))),
    ]
}

/// The names of the frames that the program takes.
fn taken(program: &XdpProgram) -> String {
    let all = frames().into_iter();
    let taken = all.filter_map(|(name, frame)| takes(program, &frame).then_some(name));
    taken.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_rule_names_what_it_says_and_nothing_after_it_is_removed() {
    let Some(program) = privilege::program() else {
        return;
    };
    let all = "udp4 udp6 tcp4 tcp6 icmp4 icmp6 fragment4 extended6 tagged4 twice6";
    let (us, them) = (prefix("192.0.2.2"), prefix("192.0.2.1"));
    let us_and_next = prefix("192.0.2.2/31");
    let to = |text| Rule::udp(PORT).to(prefix(text));
    let udp = "udp4 udp6 tagged4 twice6";
    let cases = [
        (Rule::udp(PORT), udp),
        (Rule::udp(..), udp),
        (Rule::udp(PORT..=PORT + 9), udp),
        (Rule::udp(PORT - 9..=PORT), udp),
        (Rule::udp(PORT + 1..=u16::MAX), ""),
        (Rule::udp(1..=PORT - 1), ""),
        (Rule::tcp(PORT), "tcp4 tcp6"),
        (Rule::tcp(..).to(us), "tcp4"),
        (Rule::tcp(PORT).vlan(0), "tcp4 tcp6"),
        (Rule::icmp(), "icmp4 icmp6"),
        (Rule::icmp().from(prefix("2001:db8::/32")), "icmp6"),
        (Rule::any(), all),
        (Rule::any().to(us), "udp4 tcp4 icmp4 fragment4 tagged4"),
        (Rule::any().to(them), ""),
        (Rule::any().from(us), ""),
        (Rule::any().vlan(0x2a), "tagged4"),
        (Rule::any().vlan(0x2b), ""),
        (Rule::udp(PORT).vlan(0), "udp4 udp6"),
        (Rule::udp(PORT).to(us).from(them), "udp4 tagged4"),
        (Rule::udp(PORT).to(us).from(us), ""),
        (to("192.0.2.0/23").vlan(0x2a), "tagged4"),
        (Rule::udp(400..=500).to(us_and_next), "udp4 tagged4"),
        (Rule::udp(444..=500).to(us_and_next), ""),
        (to("192.0.2.0/31"), ""),
        (to("2001:db8::/127"), ""),
        (to("2001:db8::2/127"), "udp6 twice6"),
        (to("0.0.0.0/0"), "udp4 tagged4"),
    ];
    for (rule, expected) in cases {
        program.add_rules(&[rule]).unwrap();
        assert_eq!(taken(&program), expected, "{rule:?}");
        assert_eq!(program.remove_rules(&[rule]).unwrap(), 1);
        assert_eq!(taken(&program), "", "{rule:?} removed");
        assert_eq!(program.remove_rules(&[rule]).unwrap(), 0);
    }
}

/// Rules are sets of packets: they overlap, and each is there once.
#[test]
fn a_packet_is_taken_until_the_last_rule_that_names_it_is_removed() {
    let Some(program) = privilege::program() else {
        return;
    };
    let rules = [
        Rule::udp(PORT),
        Rule::udp(400..=500),
        Rule::udp(PORT).from(prefix("192.0.2.0/24")),
        Rule::any().to(prefix("192.0.2.0/24")).vlan(0),
    ];
    program.add_rules(&rules).unwrap();
    program.add_rules(&rules).unwrap();
    for rule in rules {
        assert_eq!(verdict(&program, &udp4()), Verdict::NoSocket, "{rule:?}");
        assert_eq!(program.remove_rules(&[rule, rule]).unwrap(), 1);
    }
    assert_eq!(verdict(&program, &udp4()), Verdict::Passed);
    // The short form is a rule like others.
    program.take(PORT, None).unwrap();
    assert_eq!(program.remove_rules(&rules).unwrap(), 1);
    assert_eq!(verdict(&program, &udp4()), Verdict::Passed);
}

#[test]
fn what_cannot_be_added_leaves_nothing_behind() {
    let Some(program) = privilege::program() else {
        return;
    };
    let mixed = Rule::any().to(prefix("::")).from(prefix("0.0.0.0"));
    let refused = program.add_rules(&[Rule::any(), mixed]).unwrap_err();
    assert!(matches!(refused, Error::MixedVersions), "{refused}");
    let refused = program.add_rules(&[Rule::any(), Rule::udp(0)]).unwrap_err();
    assert!(matches!(refused, Error::PortZero), "{refused}");
    let of_len = |len| Rule::udp(PORT).to(prefix(&format!("192.0.0.0/{len}")));
    let many: Vec<_> = (2..=17).map(of_len).collect();
    let too_many = [&many[..], &[Rule::udp(PORT), of_len(18)]].concat();
    let refused = program.add_rules(&too_many).unwrap_err();
    assert!(matches!(refused, Error::TooManyShapes), "{refused}");
    assert_eq!(taken(&program), "");
    program.add_rules(&many).unwrap();
    assert_eq!(taken(&program), "udp4 tagged4");
    assert!(program.add_rules(&[Rule::tcp(PORT), of_len(18)]).is_err());
    assert_eq!(taken(&program), "udp4 tagged4");
    assert_eq!(program.remove_rules(&many).unwrap(), 16);
    assert_eq!(taken(&program), "");
}

/// Two tags, the inner one of no VLAN: two tags all the same.
#[test]
fn a_priority_tag_within_a_tag_is_a_second_tag() {
    let Some(program) = privilege::program() else {
        return;
    };
    let inner = with_u16(tagged(TAG_C, &udp4()), 14, 0xe000);
    let frame = tagged(TAG_S, &inner);
    program.add_rules(&[Rule::udp(PORT).vlan(0)]).unwrap();
    assert_eq!(verdict(&program, &inner), Verdict::NoSocket);
    assert_eq!(verdict(&program, &frame), Verdict::Passed);
    program.take(PORT, None).unwrap();
    assert_eq!(verdict(&program, &frame), Verdict::NoSocket);
    let (mac, vlans) = (None, Some(vec![0x2a]));
    program.limit(&Only { mac, vlans }).unwrap();
    assert_eq!(verdict(&program, &inner), Verdict::NoSocket);
    assert_eq!(verdict(&program, &frame), Verdict::Passed);
}

/// Thousands of rules in four shapes: each is found, and no other. A packet costs one lookup per
/// shape that is marked at its port, so shapes are limited: there is no room for a seventeenth.
#[test]
fn thousands_of_rules_are_a_few_shapes() {
    let Some(program) = privilege::program() else {
        return;
    };
    let address = |n: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + 256 * n));
    let of = |n: u32| {
        let network = Prefix::new(address(n), 24).unwrap();
        match n % 4 {
            0 => Rule::udp(PORT).to(network),
            1 => Rule::udp(1024 + n as u16).from(network),
            2 => Rule::tcp(1024..=2047).to(network),
            _ => Rule::any().from(network).vlan((n % 4096) as u16),
        }
    };
    let rules: Vec<_> = (0..8192).map(of).collect();
    program.add_rules(&rules).unwrap();
    let frame = |n: u32, at: usize, mut frame: Vec<u8>| {
        let IpAddr::V4(address) = address(n) else {
            unreachable!()
        };
        frame[ETHERNET_LEN + at..][..4].copy_from_slice(&address.octets());
        frame[ETHERNET_LEN + at + 3] = 77;
        frame
    };
    let (to, from) = (16, 12);
    for n in (0..8192).step_by(37) {
        let (right, wrong) = match n % 4 {
            0 => (frame(n, to, udp4()), frame(n, from, udp4())),
            1 => {
                let port = 1024 + n as u16;
                let sent = |port| frame(n, from, ipv4(&[], UDP, &udp(port, b"")));
                (sent(port), sent(port + 1))
            }
            2 => {
                let sent = |port| frame(n, to, ipv4(&[], TCP, &tcp(port)));
                (sent(2047), sent(2048))
            }
            _ => {
                let sent = |vlan| with_u16(tagged(TAG_C, &frame(n, from, udp4())), 14, vlan);
                (sent(n as u16 % 4096), sent((n + 4) as u16 % 4096))
            }
        };
        assert_eq!(verdict(&program, &right), Verdict::NoSocket, "{n}");
        assert_eq!(verdict(&program, &wrong), Verdict::Passed, "{n}");
    }
    let refused = program.add_rules(&[of(8192)]).unwrap_err();
    assert!(matches!(refused, Error::TooManyRules), "{refused}");
    assert_eq!(program.remove_rules(&rules).unwrap(), 8192);
    assert_eq!(verdict(&program, &frame(0, to, udp4())), Verdict::Passed);
}

/// Rules that come and go, with few ports and addresses, so that they overlap and meet the frames.
/// The first takes the port, as the short form does.
#[test]
fn agrees_with_the_oracle_on_random_rules_and_changed_frames() {
    if !privilege::held() {
        return;
    }
    let mut seeds: Vec<_> = frames().into_iter().map(|(_, frame)| frame).collect();
    let options = ipv4(&[1; 40], UDP, &udp(PORT, b"data"));
    seeds.extend([options, extended(44), arp()]);
    let mut rng = Rng::with_seed(0x243f_6a88_85a3_08d3);
    let mut seen = [0u32; 3];
    for _ in 0..12 {
        let program = XdpProgram::load(1).unwrap();
        let mut rules = vec![Wanted::port(PORT)];
        program.take(PORT, None).unwrap();
        for _ in 0..25 {
            for _ in 0..100 {
                let seed = one_of(&mut rng, &seeds);
                let frame = change(&mut rng, &seed);
                let expected = match read(&frame) {
                    None => Verdict::Malformed,
                    Some(Some(packet)) if rules.iter().any(|rule| rule.names(&packet)) => {
                        Verdict::NoSocket
                    }
                    Some(_) => Verdict::Passed,
                };
                let found = verdict(&program, &frame);
                assert_eq!(found, expected, "{rules:?}: {frame:02x?}");
                seen[expected as usize - 1] += 1;
            }
            if rng.usize(..3) == 0 && !rules.is_empty() {
                let gone = rules.swap_remove(rng.usize(..rules.len()));
                assert_eq!(program.remove_rules(&[gone.rule()]).unwrap(), 1);
            } else if let Some(new) = wanted(&mut rng).filter(|new| !rules.contains(new)) {
                match program.add_rules(&[new.rule()]) {
                    Ok(()) => rules.push(new),
                    Err(Error::TooManyShapes) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
    // Otherwise the changes are too timid, or too wild, to say anything.
    assert!(seen.iter().all(|&count| count > 3_000), "{seen:?}");
}

/// Changes up to two header bytes, mostly slightly, and sometimes the length.
fn change(rng: &mut Rng, seed: &[u8]) -> Vec<u8> {
    let mut frame = seed.to_vec();
    for _ in 0..rng.usize(..3) {
        let at = 12 + rng.usize(..frame.len().min(82) - 12);
        frame[at] = match rng.usize(..4) {
            0 => rng.u8(..),
            1 => frame[at] ^ (1 << rng.usize(..8)),
            2 => frame[at].wrapping_add(1),
            _ => frame[at].wrapping_sub(1),
        };
    }
    match rng.usize(..6) {
        0 => frame.truncate(ETHERNET_LEN + rng.usize(..frame.len() - ETHERNET_LEN + 1)),
        1 => frame.resize(frame.len() + rng.usize(..40), 0x11),
        _ => {}
    }
    frame
}

fn one_of<T: Clone>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())].clone()
}

/// A rule, unless it is of no version.
fn wanted(rng: &mut Rng) -> Option<Wanted> {
    let ports = [PORT..=PORT, PORT..=PORT, 256..=PORT, PORT..=512, 444..=450];
    let ports = one_of(rng, &ports);
    let protocols = [
        Protocol::Udp(ports.clone()),
        Protocol::Udp(ports.clone()),
        Protocol::Tcp(ports),
        Protocol::Icmp,
        // Rare: a change at every port takes a while without optimisation.
        if rng.usize(..2) == 0 {
            Protocol::Any
        } else {
            Protocol::Icmp
        },
    ];
    let wanted = Wanted {
        protocol: one_of(rng, &protocols),
        to: some_prefix(rng, &TO),
        from: some_prefix(rng, &FROM),
        vlan: one_of(rng, &[None, None, None, Some(0), Some(0x2a), Some(0x2b)]),
    };
    // Rules of ports alone would soon take everything.
    let is_whole = wanted.to.or(wanted.from).is_none() && wanted.vlan.is_none();
    let is_mixed = wanted
        .to
        .zip(wanted.from)
        .is_some_and(|((to, _), (from, _))| to.is_ipv4() != from.is_ipv4());
    let is_left_out = is_mixed || (is_whole && rng.usize(..4) > 0);
    (!is_left_out).then_some(wanted)
}

/// Around the addresses of the frames.
const TO: [&str; 10] = [
    "192.0.2.2/32",
    "192.0.2.2/31",
    "192.0.2.0/24",
    "192.0.0.0/8",
    "128.0.0.0/1",
    "2001:db8::2/128",
    "2001:db8::2/127",
    "2001:db8::/120",
    "2000::/8",
    "::/1",
];
const FROM: [&str; 6] = [
    "192.0.2.1/32",
    "192.0.2.0/31",
    "192.0.2.0/24",
    "2001:db8::1/128",
    "2001:db8::/127",
    "2000::/8",
];

fn some_prefix(rng: &mut Rng, choices: &[&str]) -> Option<(IpAddr, u8)> {
    let (address, len) = rng.bool().then(|| one_of(rng, choices))?.split_once('/')?;
    Some((address.parse().unwrap(), len.parse().unwrap()))
}
