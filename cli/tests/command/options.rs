//! Invalid options, and missing files.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair};
use xskit_testbed::cards;

use crate::process::Xskit;
use crate::scene::{SHORT, Scene};

#[test]
fn numbers_out_of_range_are_refused_with_what_is_possible() {
    let Some(scene) = Scene::new() else { return };
    let cases: &[(&str, &[&str])] = &[
        ("--queue 1", &["no queue 1", "1 receive", "counted from 0"]),
        ("--queue 4294967295", &["no queue 4294967295"]),
        ("--queue x", &["--queue"]),
        ("--frame-size 0", &["--frame-size", "2048 or 4096"]),
        ("--frame-size 1000", &["--frame-size", "2048 or 4096"]),
        ("--frame-size 1048576", &["--frame-size", "2048 or 4096"]),
        (
            "--frame-size 65536",
            &["--frame-size", "65536 bytes", "page", "4096"],
        ),
        ("--ring-size 0", &["--ring-size", "power of two"]),
        ("--ring-size 1000", &["--ring-size", "power of two", "1024"]),
        // The kernel would take it, and run out of memory.
        ("--ring-size 2147483648", &["--ring-size", "at most"]),
        ("--frames 0", &["--frames", "16..=4294967295"]),
        ("--frames 4294967296", &["--frames", "16..=4294967295"]),
        ("--budget 31", &["--budget", "32.."]),
        ("--busy-poll-us 0", &["--busy-poll-us", "1..="]),
        ("--backend dpdk", &["--backend", "rustix", "uring"]),
        (
            "--wait multishot",
            &["--wait multishot", "block or busy", "--backend uring"],
        ),
        ("--sqpoll", &["--sqpoll", "--backend uring"]),
    ];
    let veth_alone: &[(&str, &[&str])] = &[(
        "--zero-copy force",
        &["bind", "EOPNOTSUPP", "no zero-copy", "--zero-copy auto"],
    )];
    let more = if cards::are_named() { &[] } else { veth_alone };
    for (options, words) in cases.iter().chain(more) {
        scene.serve(*options).refused(words);
        scene.get(SHORT.0, *options).refused(words);
        scene.assert_left(&[]);
    }
}

#[test]
fn servers_with_wrong_options_say_what_to_give() {
    let Some(scene) = Scene::new() else { return };
    let cases: &[(&str, &[&str])] = &[
        (
            "--listen 10.77.0.9:4433",
            &["10.77.0.9", "not an address", "xsk1", "10.77.0.2"],
        ),
        ("--listen 10.77.0.2:0", &["port 0", "1 to 65535"]),
        ("--listen 10.77.0.2", &["--listen", "ADDR:PORT"]),
        (
            "--cid-format maglev:1",
            &["--cid-format", "random", "quic-lb:", "katran:"],
        ),
        ("--root /nonesuch", &["/nonesuch", "open(2)", "--root"]),
        ("--self-signed --cert x --key x", &["cannot be used"]),
    ];
    for (options, words) in cases {
        scene.serve(*options).refused(words);
    }
    let file = scene.root().join(SHORT.0);
    scene
        .serve(&["--root", file.to_str().unwrap()])
        .refused(&["Not a directory", "--root"]);
    Xskit::new("serve --iface xsk1 --listen 10.77.0.2:1 --root /")
        .on(scene.server())
        .refused(&["--cert <FILE>", "--self-signed"]);
    scene.assert_left(&[]);
}

#[test]
fn certificates_that_are_missing_or_wrong_are_told_apart() {
    let Some(scene) = Scene::new() else { return };
    let file = |name: &str, text: &str| {
        let path = scene.dir().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = CertificateParams::new([])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let certificate = file("cert.pem", &certificate.pem());
    let key = file("key.pem", &key.serialize_pem());
    let other = file("other.pem", &other.serialize_pem());
    let junk = file("junk.pem", "what is this?");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = file("broken.pem", broken);
    let serve = |certificate: &str, key: &str| {
        let words = ["--cert", certificate, "--key", key];
        scene.serve(&words).run()
    };
    serve("/nonesuch", &key).refused(&["certificate", "/nonesuch", "No such file", "--cert"]);
    serve(&certificate, "/nonesuch").refused(&["key", "/nonesuch", "No such file", "--key"]);
    serve(&junk, &key).refused(&["junk.pem", "no certificate", "PEM"]);
    serve(&broken, &key).refused(&["broken.pem", "not a valid certificate"]);
    serve(&certificate, &junk).refused(&["junk.pem", "no usable private key", "PEM"]);
    let mismatch = serve(&certificate, &other);
    mismatch.refused(&["other.pem", "does not belong", "cert.pem"]);
    assert!(
        mismatch
            .stderr
            .contains("every user of this machine can read it"),
        "{mismatch:#?}"
    );
    let served = scene.root().join("key.pem");
    fs::copy(&key, &served).unwrap();
    serve(&certificate, served.to_str().unwrap()).refused(&["--key", "key.pem", "under --root"]);
    // The file of the certificate may hold a key as well.
    let pem = [&certificate, &key].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&served, pem.concat()).unwrap();
    serve(served.to_str().unwrap(), &key).refused(&["--cert", "key.pem", "under --root"]);
    fs::remove_file(&served).unwrap();
    scene
        .serve(&format!(
            "--cert {certificate} --cert {certificate} --key {key}"
        ))
        .refused(&["--cert <FILE>", "multiple times"]);
    scene
        .serve(&["--cert", &certificate])
        .refused(&["--key <FILE>"]);
    let trusting = |file: &str| scene.get(SHORT.0, &["--ca", file]).run();
    trusting("/nonesuch").refused(&["/nonesuch", "No such file", "--ca"]);
    trusting(&junk).refused(&["junk.pem", "no certificate"]);
    scene.assert_left(&[]);
}

#[test]
fn urls_and_times_that_cannot_be_are_refused() {
    const SERVER: &str = "https://10.77.0.2/";
    let Some(scene) = Scene::new() else { return };
    let cases: &[(&str, &str, &[&str])] = &[
        ("http://10.77.0.2/", "", &["https"]),
        ("10.77.0.2/x", "", &["https"]),
        ("https://10.77.0.2:99999/", "", &["port", "65535"]),
        (
            "https://no.such.host.invalid/",
            "",
            &["no.such.host.invalid", "--resolve"],
        ),
        ("https://10.77.0.1/", "", &["10.77.0.1", "this host itself"]),
        ("https://127.0.0.1/", "", &["127.0.0.1", "this host itself"]),
        ("https://224.0.0.1/", "", &["224.0.0.1", "multicast"]),
        ("https://user:pw@10.77.0.2/", "", &["names a user"]),
        ("https://[fe80::9%25lo]/", "", &["zone", "--iface"]),
        (
            "https://192.0.2.1/",
            "",
            &["no route to 192.0.2.1", "ip route"],
        ),
        (SERVER, "--timeout 0", &["--timeout", "above 0"]),
        (SERVER, "--timeout -3", &["--timeout", "seconds"]),
        (SERVER, "--timeout 1e19", &["--timeout", "seconds"]),
        (SERVER, "--resolve x", &["--resolve", "HOST:PORT:ADDR"]),
    ];
    for (url, options, words) in cases {
        scene.fetch(url, *options).refused(words);
    }
    scene.assert_left(&[]);
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_anything_else() {
    let Some(scene) = Scene::new() else { return };
    // In the test's own directory: a failure must not replace a device of the system.
    let fifo = scene.dir().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let get = |output: &Path| scene.get_into(output, SHORT.0, "");
    get(Path::new("/nonesuch/file")).refused(&["/nonesuch/file.part", "No such file"]);
    get(&scene.out()).refused(&["-o", "directory"]);
    get(&fifo).refused(&["-o", "fifo", "replace"]);
    scene.assert_left(&[]);
}

#[test]
fn serve_raises_its_limit_of_descriptors_and_keeps_some_for_itself() {
    let Some(scene) = Scene::new() else { return };
    for backend in ["rustix", "uring"] {
        let serve = scene.serve(&["--backend", backend]);
        let serve = serve.through("prlimit --nofile=70:300");
        let server = serve.start().ready();
        let limits = fs::read_to_string(server.proc("limits")).unwrap();
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let limits: Vec<_> = files.unwrap().split_whitespace().skip(3).collect();
        assert_eq!(limits[..2], ["300", "300"]);
        // What it reserves is more than it needs.
        let open = fs::read_dir(server.proc("fd")).unwrap().count();
        assert!(open < 64 - 16, "{backend}: {open}");
        scene.assert_works();
        let report = server.interrupt().json();
        assert_eq!(report["refused"], serde_json::json!({}), "{report:#}");
    }
    scene.assert_left(&[]);
}
