//! `xskit serve` over the kernel's TCP, beside HTTP/3: what curl receives, and how HTTP/3 is
//! announced.

use std::fs;
use std::net::TcpListener;
use std::panic::Location;
use std::process::Command;

use crate::process::{Running, command_in};
use crate::scene::{LONG, PORT, SHORT, Scene};
use crate::traces::wait_until;

/// The scene, where there is a curl.
#[track_caller]
fn scene() -> Option<Scene> {
    let is_there = Command::new("curl").arg("--version").output().is_ok();
    if !is_there {
        println!("skipped: needs curl (test {})", Location::caller());
        return None;
    }
    Scene::new()
}

/// Runs curl at the client's host; what it prints.
fn curl(scene: &Scene, words: &[&str]) -> Result<String, String> {
    let mut command = command_in(&scene.client().namespace, "curl");
    command.args(["--silent", "--show-error", "--insecure", "--max-time", "60"]);
    command.args(words);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// Header section and protocol of a response.
fn head(scene: &Scene, words: &[&str]) -> String {
    let usual = ["--head", "--write-out", "%{http_version} %{http_code}"];
    curl(scene, &[&usual, words].concat()).unwrap()
}

fn ended(server: Running) -> serde_json::Value {
    server.interrupt().json()
}

#[test]
fn a_server_answers_over_tcp_and_says_where_http_3_is() {
    let Some(scene) = scene() else { return };
    let log = scene.dir().join("log");
    let log = log.to_str().unwrap();
    for transport in [
        "",
        "--transport udp",
        #[cfg(feature = "tcp-uring")]
        "--tcp uring",
    ] {
        let words = format!("{transport} --access-log {log} --advertise-port 9");
        let server = scene.start_server(&words);
        let url = scene.url(SHORT.0);
        for (option, version, named) in
            [("--http1.1", "1.1", "HTTP/1.1"), ("--http2", "2", "HTTP/2")]
        {
            let head = head(&scene, &[option, &url]);
            assert!(head.ends_with(&format!("{version} 200")), "{head}");
            assert!(head.contains("alt-svc: h3=\":9\"; ma=86400\r\n"), "{head}");
            let file = scene.out().join("by-tcp");
            curl(&scene, &[option, "--output", file.to_str().unwrap(), &url]).unwrap();
            assert_eq!(fs::read(&file).unwrap(), vec![0; SHORT.1 as usize]);
            fs::remove_file(file).unwrap();
            let line = format!("\"path\":\"/{}\",\"protocol\":\"{named}\"", SHORT.0);
            wait_until("the log", || {
                fs::read_to_string(log).unwrap().matches(&line).count() == 2
            });
        }
        // Both at a time.
        scene.assert_works();
        let report = ended(server);
        assert_eq!(report["tcp"]["requests"], 4, "{report:#}");
        assert_eq!(report["tcp"]["connections"], 4, "{report:#}");
        assert_eq!(report["tcp"]["body_bytes"], 2 * SHORT.1, "{report:#}");
        assert_eq!(report["requests"], 1, "{report:#}");
        assert_eq!(report["log_lines_lost"], 0, "{report:#}");
        fs::remove_file(log).unwrap();
    }
    scene.assert_left(&[]);
}

#[test]
fn what_comes_in_the_clear_is_sent_to_tls_and_without_tcp_nothing_answers() {
    let Some(scene) = scene() else { return };
    let own = scene.server().ipv4;
    let server = scene.start_server("--redirect-http=8080");
    let head = head(&scene, &[&format!("http://{own}:8080/a?b=c")]);
    assert!(head.contains("HTTP/1.1 308 "), "{head}");
    let location = format!("location: https://{own}:{PORT}/a?b=c\r\n");
    assert!(head.contains(&location), "{head}");
    // The port is taken, over TCP as well.
    scene
        .serve(&format!("--transport udp --listen 0.0.0.0:{PORT}"))
        .refused(&["bind(2)", "another program has the port"]);
    ended(server);
    let server = scene.start_server("--no-tcp");
    let refused = curl(&scene, &[&scene.url(SHORT.0)]);
    assert!(refused.is_err());
    scene.assert_works();
    let report = ended(server);
    assert!(report["tcp"].is_null(), "{report:#}");
    scene
        .serve("--no-tcp --redirect-http")
        .refused(&["--no-tcp", "--redirect-http"]);
    scene.assert_left(&[]);
}

#[test]
fn what_is_under_way_over_tcp_may_take_as_long_as_draining_may() {
    let Some(scene) = scene() else { return };
    let server = scene.start_server("--drain 0.5");
    let url = scene.url(LONG.0);
    let endless = [
        "--http2",
        "--limit-rate",
        "1M",
        "--output",
        "/dev/null",
        &url,
    ];
    let broken = std::thread::scope(|scope| {
        let download = scope.spawn(|| curl(&scene, &endless));
        wait_until("a request over TCP", || {
            curl(&scene, &["--head", &scene.url(SHORT.0)]).is_ok()
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        let report = ended(server);
        assert!(
            report["tcp"]["body_bytes"].as_u64().unwrap() > 0,
            "{report:#}"
        );
        download.join().unwrap()
    });
    // Not by its own limit.
    assert!(broken.is_err_and(|said| !said.contains("timed out")));
    scene.assert_left(&[]);
}

/// Runs h2load at the client's host; what it says of the requests.
fn h2load(scene: &Scene, words: &[&str]) -> String {
    let mut command = command_in(&scene.client().namespace, "h2load");
    command.args(words).arg(scene.url(SHORT.0));
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let line = said.lines().find(|line| line.starts_with("requests: "));
    line.unwrap_or(&said).to_owned()
}

#[test]
fn tcp_is_the_kernels_while_all_that_quic_has_goes_over_af_xdp() {
    let Some(scene) = scene() else { return };
    if Command::new("h2load").arg("--version").output().is_err() {
        println!("skipped: needs h2load ({}:{})", file!(), line!());
        return;
    }
    for words in [
        "--tcp-threads 2",
        #[cfg(feature = "tcp-uring")]
        "--tcp-threads 2 --tcp uring",
    ] {
        let server = scene.start_server(words);
        let mut download = scene.start_download("");
        for (protocol, requests) in [(&["--h1"][..], 2_000), (&["-m", "10"], 4_000)] {
            scene.await_more(&mut download);
            let count = requests.to_string();
            let clients = ["-c", "20", "-n", &count];
            let said = h2load(&scene, &[protocol, &clients].concat());
            let all = format!("{count} succeeded, 0 failed, 0 errored, 0 timeout");
            assert!(said.contains(&all), "{said}");
        }
        scene.await_more(&mut download);
        download.kill();
        let report = ended(server);
        let own = (scene.server().ipv4, PORT);
        let next = scene.server().run(|| TcpListener::bind(own)).unwrap();
        next.expect("the next server has the port at once");
        assert_eq!(report["tcp"]["requests"], 6_000, "{report:#}");
        assert_eq!(report["tcp"]["connections"], 40, "{report:#}");
        // The program takes UDP alone: nothing of TCP was there to be dropped.
        assert_eq!(report["requests"], 1, "{report:#}");
        assert!(report["drops"].get("not QUIC").is_none(), "{report:#}");
    }
    scene.assert_left(&[&format!("{}.part", LONG.0)]);
}
