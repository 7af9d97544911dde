//! `xskit bench`: what its reports say.

use serde_json::Value;

use crate::process::{Outcome, Running, Words, Xskit, assert_members};
use crate::scene::{Scene, may_run};
use crate::traces::{await_program, await_program_on};
use xskit::wire::MacAddr;
use xskit_testbed::{Host, HostChain, Link, Namespace};

/// `xskit bench` on the host's interface.
pub(crate) fn bench<'a>(host: &'a Host, words: &(impl Words + ?Sized)) -> Xskit<'a> {
    bench_within(&host.namespace, &host.link, words)
}

/// The same on any interface of a namespace.
fn bench_within<'a>(
    namespace: &'a Namespace,
    link: &Link,
    words: &(impl Words + ?Sized),
) -> Xskit<'a> {
    let usual = ["--json", "--iface", &link.name].words();
    Xskit::new(&["bench".words(), words.words(), usual].concat()[..]).within(namespace)
}

/// Starts one that waits for packets, and returns once it gets them.
pub(crate) fn start(host: &Host, what: &str) -> Running {
    let running = bench(host, &[what, "--seconds", "0"]).start();
    await_program(host);
    running
}

/// The report, with what the report of any benchmark must have.
#[track_caller]
pub(crate) fn report(outcome: &Outcome) -> Value {
    let report = outcome.json();
    let members = "pps packets seconds mode backend wait cpu_seconds";
    assert_members(&report, members);
    // A receiver that never had to wait made none.
    assert!(report["syscalls"].is_u64(), "{report:#}");
    report
}

/// Every frame is in one place.
#[track_caller]
fn assert_whole(report: &Value) {
    let frames = report["frames"].as_object().unwrap();
    let total = frames["total"].as_u64();
    let places = frames.iter().filter(|(place, _)| *place != "total");
    assert_eq!(
        Some(places.map(|(_, count)| count.as_u64().unwrap()).sum()),
        total,
        "{report:#}"
    );
}

/// How many packets may have gone out: a card goes on sending what is on the ring until the socket
/// is closed, after the report was made.
pub(crate) fn most_sent(report: &Value) -> u64 {
    report["packets"].as_u64().unwrap() + report["frames"]["tx"].as_u64().unwrap()
}

#[test]
fn what_is_sent_is_received() {
    let Some(scene) = Scene::new() else { return };
    let receiver = start(scene.server(), "rx");
    let sent = bench(scene.client(), "tx --seconds 1 --to 10.77.0.2").run();
    let (sent, received) = (report(&sent), report(&receiver.interrupt()));
    assert_whole(&sent);
    assert_whole(&received);
    let arrived = received["packets"].as_u64().unwrap();
    assert!(arrived <= most_sent(&sent), "{sent:#} {received:#}");
    assert_eq!(received["bytes"], 64 * arrived);
    scene.assert_left(&[]);
}

#[test]
fn a_flood_is_sent_back_and_no_frame_is_lost() {
    let Some(scene) = Scene::new() else { return };
    let forwarder = start(scene.server(), "fwd");
    let sent = report(&bench(scene.client(), "tx --seconds 1 --to 10.77.0.2").run());
    let forwarded = report(&forwarder.interrupt());
    assert_whole(&sent);
    assert_whole(&forwarded);
    let back = forwarded["packets"].as_u64().unwrap();
    assert!(back <= most_sent(&sent), "{sent:#} {forwarded:#}");
    scene.assert_left(&[]);
}

#[test]
fn calls_and_submissions_are_counted_by_kind() {
    let Some(scene) = Scene::new() else { return };
    let sent = |options: &str| {
        let words = format!("tx --seconds 0.3 {options}");
        report(&bench(scene.client(), &words).run())
    };
    let count = |report: &Value, of: &str, kind: &str| report[of][kind].as_u64().unwrap();
    let direct = sent("--backend rustix");
    assert_eq!(direct["syscalls"], count(&direct, "calls", "kick"));
    assert_eq!(count(&direct, "submissions", "kick"), 0);
    // Two kicks a batch, in one call.
    let submitted = sent("--backend uring --budget 32 --batch 64");
    let enters = count(&submitted, "calls", "enter");
    assert_eq!(submitted["kick_budget"], 32);
    assert_eq!(submitted["syscalls"], enters, "{submitted:#}");
    let kicks = count(&submitted, "submissions", "kick");
    assert!(kicks > enters && kicks <= 2 * enters, "{submitted:#}");
    scene.assert_left(&[]);
}

#[test]
fn packets_are_sent_back_and_timed() {
    let Some(scene) = Scene::new() else { return };
    let forwarder = start(scene.server(), "fwd");
    let times = bench(scene.client(), "ping --seconds 1 --to 10.77.0.2").run();
    let (times, forwarded) = (report(&times), report(&forwarder.interrupt()));
    assert_whole(&forwarded);
    // The last one may be on its way when time is up.
    let back = times["packets"].as_u64().unwrap();
    let sent = back + times["lost"].as_u64().unwrap() + 1;
    let passed = forwarded["packets"].as_u64().unwrap();
    assert!((back..=sent).contains(&passed), "{times:#} {forwarded:#}");
    let ns = |name: &str| times[name].as_u64().unwrap();
    // A packet takes two system calls at least, and those more than a microsecond.
    assert!(ns("p50_ns") > 1_000, "{times:#}");
    assert!(
        ns("p50_ns") <= ns("p99_ns") && ns("p99_ns") <= ns("p999_ns"),
        "{times:#}"
    );
    let percentiles = times["percentiles_ns"].as_array().unwrap();
    let at = |percent: f64| {
        percentiles
            .iter()
            .find(|it| it[0].as_f64() == Some(percent))
    };
    assert_eq!(at(50.0).unwrap()[1], times["p50_ns"], "{times:#}");
    assert_eq!(at(100.0).unwrap()[1], times["max_ns"], "{times:#}");
    scene.assert_left(&[]);
}

#[test]
fn nobody_who_sends_back_is_an_error() {
    let Some(scene) = Scene::new() else { return };
    let times = bench(scene.client(), "ping --seconds 0.2 --to 10.77.0.2").run();
    times.refused(&["no packet came back", "bench fwd"]);
    assert_eq!(times.stdout, "");
    scene.assert_left(&[]);
}

#[test]
fn packets_and_times_that_cannot_be_are_refused() {
    let Some(scene) = Scene::new() else { return };
    let cases: &[(&str, &[&str])] = &[
        ("tx --size 20", &["--size", "20 bytes", "50 to 1514"]),
        ("tx --size 1515", &["--size", "1515 bytes", "50 to 1514"]),
        ("tx --to-mac x", &["--to-mac", "02:00:00:00:00:01"]),
        ("tx --to 10.77.0.99", &["no answer to ARP from 10.77.0.99"]),
        ("tx --batch 0", &["--batch", "1.."]),
        ("rx --numa-node 1023", &["NUMA node 1023", "cpuset"]),
        ("rx --port 0", &["--port", "1..=65535"]),
        ("rx --seconds -1", &["--seconds", "from 0"]),
        ("fwd --seconds x", &["--seconds", "from 0"]),
        ("fwd --take-all", &["--to-iface"]),
        ("ping --seconds 1e30", &["--seconds", "a year"]),
    ];
    for (options, words) in cases {
        bench(scene.client(), *options).refused(words);
    }
    scene.assert_left(&[]);
}

/// Hosts with another between them.
#[track_caller]
fn chain() -> Option<HostChain> {
    may_run().then(|| HostChain::new().unwrap())
}

/// Starts a forwarder between the two ends in the middle, and returns once it gets packets.
fn start_bridge(chain: &HostChain, more: &str) -> Running {
    let [left, right] = &chain.links;
    let words = format!("fwd --seconds 0 --to-iface {} {more}", right.name);
    let bridge = bench_within(&chain.middle, left, &words).start();
    await_program_on(&chain.middle, left);
    await_program_on(&chain.middle, right);
    bridge
}

#[test]
fn packets_are_passed_on_between_two_interfaces() {
    let Some(chain) = chain() else { return };
    let bridge = start_bridge(&chain, "");
    let receiver = start(&chain.second, "rx");
    let to = MacAddr::new(chain.second.mac);
    let words = format!("tx --seconds 0.5 --size 1400 --to-mac {to}");
    let sent = report(&bench(&chain.first, &words).run());
    let (received, passed) = (report(&receiver.interrupt()), report(&bridge.interrupt()));
    assert_whole(&passed);
    let [received, passed] = [received, passed].map(|it| it["packets"].as_u64().unwrap());
    assert!(received > 0 && received <= passed, "{received} of {passed}");
    assert!(passed <= most_sent(&sent), "{passed}: {sent:#}");
}

#[test]
fn a_bridge_that_takes_all_passes_on_what_the_kernels_ask_each_other() {
    let Some(chain) = chain() else { return };
    let echo = start(&chain.second, "fwd");
    let words = format!("ping --seconds 0.5 --to {}", chain.second.ipv4);
    let ping = || bench(&chain.first, &words).run();
    ping().refused(&["no answer to ARP from"]);
    let bridge = start_bridge(&chain, "--take-all");
    let round_trips = report(&ping())["packets"].as_u64().unwrap();
    let passed = report(&bridge.interrupt());
    assert_whole(&passed);
    report(&echo.interrupt());
    let passed = passed["packets"].as_u64().unwrap();
    assert!(
        round_trips > 0 && passed >= 2 * round_trips,
        "{round_trips}, {passed}"
    );
}
