//! Interfaces that are missing, down, or in use by another program.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;

use quinn_udp::{Transmit, UdpSocketState};
use xskit_testbed::Host;

use crate::bench::bench;
use crate::process::{Outcome, Running, Xskit, ip};
use crate::resumption::hash;
use crate::scene::{PORT, SHORT, Scene, megabytes};
use crate::traces::{await_program, has_program, wait_until};

/// Changes the server's interface as an administrator would.
fn set(scene: &Scene, change: &str) {
    let words = format!("link set dev xsk1 {change}");
    ip(&scene.server().namespace, &words);
}

/// Starts `bench rx`, whose program and socket then occupy the server's interface.
fn occupy(scene: &Scene, queue: u32) -> Running {
    let words = format!("rx --seconds 0 --queue {queue}");
    let occupant = bench(scene.server(), &words).start();
    await_program(scene.server());
    occupant
}

/// Fetches from the server's port at this address.
fn fetch_from(scene: &Scene, host: &str, more: &str) -> Outcome {
    scene.fetch(&format!("https://{host}:{PORT}/{}", SHORT.0), more)
}

#[test]
fn all_addresses_are_those_of_the_interface_as_they_come_and_go() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server(&["--listen", &format!("0.0.0.0:{PORT}")]);
    let (here, there) = (&scene.client().namespace, &scene.server().namespace);
    ip(here, "route add 10.99.0.0/24 via 10.77.0.2 dev xsk0");
    let fetch = |more| fetch_from(&scene, "10.99.0.9", more);
    let fails = || !fetch("--timeout 1").status.success();
    // Packets to another host, which this one would have to forward.
    assert!(fails());
    ip(there, "address add 10.99.0.9/32 dev xsk1");
    fetch("").json();
    ip(there, "address delete 10.99.0.9/32 dev xsk1");
    wait_until("packets to the lost address to go to the kernel", fails);
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn link_local_addresses_work_at_both_ends_with_and_without_a_zone() {
    let Some(scene) = Scene::new() else { return };
    let number = scene.server().link.index;
    let listens = [
        "[::]",
        "[fe80::2]",
        "[fe80::2%xsk1]",
        &format!("[fe80::2%{number}]"),
    ];
    for listen in listens {
        let server = scene.start_server(&["--listen", &format!("{listen}:{PORT}")]);
        for host in ["[fe80::2]", "[fe80::2%25xsk0]", "[fe80::2%xsk0]"] {
            fetch_from(&scene, host, "").json();
        }
        server.interrupt().json();
    }
    fetch_from(&scene, "[fe80::2%25lo]", "").refused(&["zone", "--iface is xsk0"]);
    scene
        .serve("--listen [fe80::2%lo]:1")
        .refused(&["zone", "--iface is xsk1"]);
    scene.assert_left(&[]);
}

#[test]
fn names_of_no_interface_are_refused_with_those_that_are_there() {
    let Some(scene) = Scene::new() else { return };
    for name in ["nonesuch", "a-name-longer-than-any-interface", ""] {
        for command in ["rx", "tx", "fwd"] {
            let words = ["bench", command, "--iface", name, "--seconds", "1"];
            let outcome = Xskit::new(&words).on(scene.server()).run();
            if name.is_empty() {
                outcome.refused(&["--iface"]);
            } else {
                outcome.refused(&["no such interface", name, "lo", "xsk1"]);
            }
        }
    }
    scene
        .serve("--iface xsk7 --root / --listen 10.77.0.2:1")
        .refused(&["no such interface \"xsk7\"", "xsk1"]);
    Xskit::new("bench rx --iface lo")
        .on(scene.server())
        .refused(&["lo", "no Ethernet address"]);
    scene.assert_left(&[]);
}

#[test]
fn interfaces_that_are_down_are_refused() {
    let Some(scene) = Scene::new() else { return };
    set(&scene, "down");
    scene
        .serve("")
        .refused(&["xsk1 is down", "ip link set xsk1 up"]);
    scene
        .get(SHORT.0, "")
        .run()
        .refused(&["xsk0", "no carrier", "peer"]);
    set(&scene, "up");
    scene.assert_left(&[]);
    let server = scene.start_server("");
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_carrier_that_is_late_is_waited_for() {
    let Some(scene) = Scene::new() else { return };
    let start = || {
        let command = bench(scene.client(), "tx --seconds 0.1");
        command.start().waiting()
    };
    set(&scene, "down");
    let waiting = start();
    let impatient = start();
    let outcome = impatient.interrupt();
    assert_eq!(outcome.status.signal(), Some(2), "{outcome:#?}");
    set(&scene, "up");
    let outcome = waiting.finish();
    assert_eq!(outcome.stderr.matches("carrier of xsk0").count(), 1);
    assert!(outcome.json()["packets"].as_u64() > Some(0));
    scene.assert_left(&[]);
}

#[test]
fn a_transfer_goes_on_when_the_link_was_down() {
    let Some(scene) = Scene::new() else { return };
    let len = megabytes(128) << 20;
    let name = "whole";
    let file = File::create(scene.root().join(name)).unwrap();
    file.set_len(len).unwrap();
    let server = scene.start_server("");
    let download = scene.get(name, "").start();
    let partial = scene.out().join(format!("{name}.part"));
    wait_until("the download", || {
        fs::metadata(&partial).is_ok_and(|partial| partial.len() > len / 16)
    });
    set(&scene, "down");
    assert!(!scene.out().join(name).exists(), "it was too quick");
    set(&scene, "up");
    let report = download.finish().json();
    assert_eq!(report["bytes"], len, "{report:#}");
    let zeros = hash(&vec![0; len as usize]);
    assert_eq!(report["sha256"], zeros, "{report:#}");
    server.interrupt().json();
    scene.assert_left(&[name]);
}

#[test]
fn packets_larger_than_frames_are_refused() {
    let Some(scene) = Scene::with_mtu(3_400) else {
        return;
    };
    scene
        .serve("--frame-size 2048")
        .refused(&["2048", "MTU", "3400", "--frame-size 4096"]);
    set(&scene, "mtu 9000");
    scene
        .serve("")
        .refused(&["4096", "MTU", "9000", "ip link set xsk1 mtu"]);
    scene.assert_left(&[]);
}

#[test]
fn native_mode_is_refused_or_given_up_where_the_driver_cannot() {
    let Some(scene) = Scene::with_mtu(3_700) else {
        return;
    };
    scene
        .serve("--mode native")
        .refused(&["xsk1", "native", "MTU", "--mode generic"]);
    scene.assert_left(&[]);
    let server = scene.start_server("");
    let outcome = server.interrupt();
    assert!(
        outcome.stderr.contains("note: xsk1 is in generic mode"),
        "{outcome:#?}"
    );
    let report = outcome.json();
    assert_eq!(report["mode"], "generic, copy", "{report:#}");
    scene.assert_left(&[]);
}

#[test]
fn what_a_local_sender_has_not_cut_into_segments_is_warned_of() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("--mode generic");
    let send = || {
        let socket = UdpSocket::bind((scene.client().ipv4, 0)).unwrap();
        let state = UdpSocketState::new((&socket).into()).unwrap();
        let offloaded = Transmit {
            destination: (scene.server().ipv4, PORT).into(),
            ecn: None,
            contents: &[0; 12_000],
            segment_size: Some(1200),
            src_ip: None,
        };
        state.send((&socket).into(), &offloaded).unwrap();
    };
    scene.client().run(send).unwrap();
    let outcome = server.interrupt();
    outcome.json();
    let why = [
        "warning",
        "too long for a frame",
        "1 so far",
        "tx-udp-segmentation",
    ];
    for word in why {
        assert!(outcome.stderr.contains(word), "no {word:?} in {outcome:#?}");
    }
    scene.assert_left(&[]);
}

#[test]
fn packets_on_a_queue_without_a_socket_are_told_by_the_server() {
    let Some(scene) = Scene::with_two_queues() else {
        return;
    };
    let server = scene.start_server("--queue 0");
    let lost = scene.get(SHORT.0, "--queue 1 --timeout 2");
    let outcome = lost.run();
    outcome.refused(&["fetching https://10.77.0.2:4433/short"]);
    assert!(!outcome.stderr.contains("no socket"), "{outcome:#?}");
    scene.assert_works();
    let outcome = server.interrupt();
    let warnings = outcome.stderr.matches("xskit: warning: ").count();
    assert_eq!(warnings, 1, "{outcome:#?}");
    for words in [
        "UDP port 4433 came in on queue 1 of xsk1, where no socket is",
        "`ethtool -L xsk1 rx 1 tx 1`",
        "`ethtool -N xsk1 flow-type udp4 dst-port 4433 action 0`",
    ] {
        assert!(outcome.stderr.contains(words), "{words}: {outcome:#?}");
    }
    let report = outcome.json();
    let strays = &report["drops"]["no socket at queue 1"];
    assert!(strays.as_u64() > Some(0), "{report:#}");
    scene.assert_left(&[]);
}

#[test]
fn packets_on_a_queue_without_a_socket_are_told_by_the_client() {
    let Some(scene) = Scene::with_two_queues() else {
        return;
    };
    // Nobody answers; what comes for the client comes from another queue than its own.
    let _mute = scene.start_mute();
    let download = scene.get(SHORT.0, "--timeout 3").start();
    await_program(scene.client());
    let port = held_port(scene.client());
    let words = format!("tx --queue 1 --to 10.77.0.1 --port {port} --seconds 0.1");
    let sender = bench(scene.server(), &words).run();
    assert!(sender.status.success(), "{sender:#?}");
    let outcome = download.finish();
    outcome.refused(&["fetching", "queue 1 of xsk0", "`ethtool -L xsk0 rx 1 tx 1`"]);
    assert_eq!(outcome.stderr.matches("xskit: warning: ").count(), 1);
    // The port is another the next time.
    assert!(!outcome.stderr.contains("ethtool -N"), "{outcome:#?}");
    scene.assert_left(&[]);
}

/// The only UDP port that is bound on the host to its IPv4 address.
fn held_port(host: &Host) -> u16 {
    let address = u32::from_ne_bytes(host.ipv4.octets());
    let start = format!("{address:08X}:");
    let sockets = host.run(|| std::fs::read_to_string("/proc/thread-self/net/udp"));
    let sockets = sockets.unwrap().unwrap();
    let port = sockets
        .split_whitespace()
        .find_map(|word| word.strip_prefix(&start))
        .unwrap_or_else(|| panic!("{sockets}"));
    u16::from_str_radix(port, 16).unwrap()
}

#[test]
fn packets_on_a_queue_without_a_socket_are_told_by_benchmarks() {
    let Some(scene) = Scene::with_two_queues() else {
        return;
    };
    let receiver = occupy(&scene, 0);
    let flood = |seconds| {
        let words = format!("tx --queue 1 --to 10.77.0.2 --seconds {seconds}");
        bench(scene.client(), &words)
    };
    let sent = flood("0.1").run();
    assert!(sent.status.success(), "{sent:#?}");
    let received = receiver.interrupt();
    let report = received.json();
    assert_eq!(report["packets"], 0, "{report:#}");
    assert!(report["no_socket"]["1"].as_u64() > Some(0), "{report:#}");
    assert!(
        received
            .stderr
            .contains("port 4096 came in on queue 1 of xsk1")
    );

    let sender = flood("0").start();
    let ping = bench(scene.server(), "ping --seconds 2 --to 10.77.0.1").run();
    assert!(!has_program(scene.client()), "a sender on veth needs none");
    let sent = sender.interrupt();
    assert!(sent.status.success(), "{sent:#?}");
    ping.refused(&["no packet came back", "queue 1 of xsk1", "ethtool -L xsk1"]);
    scene.assert_left(&[]);
}

#[test]
fn what_is_taken_is_refused_and_its_owner_not_disturbed() {
    let Some(scene) = Scene::with_two_queues() else {
        return;
    };
    let occupant = occupy(&scene, 1);
    scene
        .serve("--queue 1")
        .refused(&["xsk1", "queue 1", "EBUSY", "another", "--queue"]);
    scene
        .serve("--queue 0")
        .refused(&["xsk1 already has an XDP program", "id ", "native"]);
    assert!(has_program(scene.server()));
    let report = occupant.interrupt().json();
    assert_eq!(report["packets"], 0, "{report:#}");
    scene.assert_left(&[]);

    let server = scene.start_server("--queue 0");
    let port = "10.77.0.2:4433";
    let taken = ["bind(2)", port, "in use", "another"];
    scene.serve("--queue 1").refused(&taken);
    assert!(has_program(scene.server()));
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}
