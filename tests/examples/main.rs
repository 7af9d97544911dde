//! The examples as they are built, each on one of two hosts, given datagrams of the other's kernel.
//!
//! `cargo test` builds them, except with `--test`: `cargo build --examples` does then.
//! Those of QUIC ([`quic`]), and their tests, are there with `--features udp`, or `--all-features`.

#[cfg(feature = "udp")]
mod quic;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, IoSlice};
use std::iter;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal, kill_process};
use xskit::Socket;
use xskit::bpf::{AttachMode, Rule, XdpProgram};
use xskit::wire::{Checksum, Datagram, LinkPath, MacAddr, UdpChecksum, UdpHeaders, pcap};
use xskit_testbed::{Host, HostChain, HostPair, Namespace, WhenParentDies, privilege};

const PORT: u16 = 4433;
/// Only to fail rather than hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// An example that runs, and ends with the test.
struct Example {
    child: Child,
    lines: Receiver<String>,
}

impl Example {
    /// Starts it, and returns once it has said how its program is attached.
    fn start(name: &str, host: &Host, arguments: &[&str]) -> Self {
        let arguments = [&[&*host.link.name], arguments].concat();
        let example = Self::start_in(name, &host.namespace, &arguments);
        example.says("native mode");
        example
    }

    /// Starts it.
    fn start_in(name: &str, namespace: &Namespace, arguments: &[&str]) -> Self {
        let mut command = Command::new(path(name));
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let entered = namespace.enter_command(&mut command, WhenParentDies::Kill);
        entered.expect("a host to start on");
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}: see the head of this file"));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (says, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            lines.map(|line| says.send(line)).all(|heard| heard.is_ok())
        });
        Self { child, lines }
    }

    /// Waits for its next line, which has this in it.
    fn says(&self, text: &str) {
        let line = self.line().expect("a line");
        assert!(line.contains(text), "{line:?}");
    }

    /// Its next line of output; `None` once it has ended.
    fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => panic!("it says nothing, and goes on"),
            heard => heard.ok(),
        }
    }

    /// Waits until it ends by itself, as it should. Returns the rest of its output.
    fn finish(mut self) -> Vec<String> {
        let said = iter::from_fn(|| self.line()).collect();
        let status = self.child.wait().expect("a child");
        assert!(status.success(), "{status}: {said:?}");
        said
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Beside the folder that this program lies in.
fn path(name: &str) -> PathBuf {
    let this = env::current_exe().expect("a path");
    let target = this.ancestors().nth(2).expect("target/PROFILE");
    target.join("examples").join(name)
}

/// A kernel's socket on a host, connected to an address of another.
fn client(on: &Host, to: impl Into<IpAddr>) -> UdpSocket {
    let to = SocketAddr::new(to.into(), PORT);
    let any: IpAddr = match to {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0_u16; 8].into(),
    };
    let socket = on.run(|| {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(to).map(|()| socket)
    });
    let socket = socket.expect("in the host").expect("a route");
    let limited = socket.set_read_timeout(Some(PATIENCE));
    limited.map(|()| socket).expect("a time limit")
}

/// Sends a datagram. Returns the payload of the answer, of which the kernel has looked at the
/// checksums.
fn ask(client: &UdpSocket, payload: &[u8]) -> Vec<u8> {
    client.send(payload).expect("sent");
    let mut answer = vec![0; 2048];
    let len = client.recv(&mut answer).expect("an answer");
    answer.truncate(len);
    answer
}

#[test]
fn echo() {
    let Some(pair) = HostPair::for_test("echo", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let _echo = Example::start("echo", far, &[&PORT.to_string()]);
    let v6 = far.ipv6.expect("an IPv6 address");
    for client in [client(near, far.ipv4), client(near, v6)] {
        // Padded by a card, odd, and the largest that a packet holds over IPv6.
        for len in [0, 1, 17, 18, 999, 1452] {
            let payload = content(len);
            assert_eq!(ask(&client, &payload), payload);
        }
    }
}

/// What no kernel's socket sends: options, a word of no operations (RFC 791), and padding.
#[test]
fn echo_takes_options_and_padding_off() {
    let Some(pair) = HostPair::for_test("echo_takes_options_and_padding_off", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let _echo = Example::start("echo", far, &[&PORT.to_string()]);
    let client = client(near, far.ipv4);
    let link = LinkPath::new(MacAddr::new(near.mac), MacAddr::new(far.mac));
    let (from, to) = (client.local_addr(), client.peer_addr());
    let headers = UdpHeaders::new(link, from.expect("bound"), to.expect("connected"));
    let mut packet = frame(&headers, b"hello");
    // The length of the header in words, that of the packet in bytes, and the checksum.
    packet[14] += 1;
    packet[17] += 4;
    packet[24..26].fill(0);
    packet.splice(34..34, [1; 4]);
    let checksum = Checksum::new().bytes(&packet[14..38]).finish();
    packet[24..26].copy_from_slice(&checksum.to_be_bytes());
    packet.extend([0xff; 20]);

    send_by_xdp(near, &packet);
    let mut answer = [0; 64];
    let len = client.recv(&mut answer).expect("an answer");
    assert_eq!(&answer[..len], b"hello");
}

#[test]
fn forward() {
    if !privilege::require_net_admin("forward") {
        return;
    }
    let HostChain {
        first,
        middle,
        links: [left, right],
        second,
    } = HostChain::new().expect("three hosts");
    let ends = [&*left.name, &right.name, &PORT.to_string()];
    let forward = Example::start_in("forward", &middle, &ends);
    forward.says("native mode");
    forward.says("native mode");
    for (from, to) in [(&first, &second), (&second, &first)] {
        let address = SocketAddr::from((to.ipv4, PORT));
        let receiver = to.run(|| UdpSocket::bind(address));
        let receiver = receiver.expect("in the host").expect("a socket");
        receiver.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let link = LinkPath::new(MacAddr::new(from.mac), MacAddr::new(to.mac));
        let headers = UdpHeaders::new(link, (from.ipv4, 9).into(), address);
        for len in [0, 18, 999, 1472] {
            let payload = content(len);
            send_by_xdp(from, &frame(&headers, &payload));
            let mut buffer = [0; 2048];
            let (read, source) = receiver.recv_from(&mut buffer).expect("a datagram");
            assert_eq!(&buffer[..read], payload);
            assert_eq!(source, (from.ipv4, 9).into());
        }
    }
}

/// Sends a frame from a host.
fn send_by_xdp(host: &Host, bytes: &[u8]) {
    let open = || Socket::builder(host.link.index).frames(64).open();
    let mut socket = host.run(open).expect("in the host").expect("a socket");
    let sent = socket.with(|socket| {
        let mut frame = socket.alloc().expect("a free frame");
        frame.set_range(0..bytes.len()).expect("a short packet");
        frame.copy_from_slice(bytes);
        socket.send(frame).expect("room");
        socket.flush()
    });
    sent.expect("a kick");
}

/// The frame of a datagram with these headers.
fn frame(headers: &UdpHeaders, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; headers.header_len()];
    frame.extend(payload);
    headers.emit(&mut frame, payload.len()).expect("headers");
    frame
}

/// This many bytes, each other than the one before.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn own_program() {
    let Some(pair) = HostPair::for_test("own_program", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    // The program of another process, which hands out its map.
    let program = XdpProgram::load(1).expect("a program");
    program.add_rules(&[Rule::udp(PORT)]).expect("a rule");
    let attach = || program.attach(far.link.index, AttachMode::Auto);
    let _attachment = far.run(attach).expect("in the host").expect("attached");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loader.sock");
    let loader = UnixListener::bind(&path).expect("a listener");
    let arguments = [&*far.link.name, path.to_str().expect("text")];
    let example = Example::start_in("own_program", &far.namespace, &arguments);
    let (stream, _) = loader.accept().expect("the example");
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [program.sockets().as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let byte = [IoSlice::new(&[0])];
    sendmsg(&stream, &byte, &mut control, SendFlags::empty()).expect("sent");
    example.says("queue 0 of 1");
    let client = client(near, far.ipv4);
    for len in [18, 100, 1472] {
        client.send(&vec![0; len]).expect("sent");
        // With the headers of Ethernet, IPv4 and UDP.
        example.says(&format!("{} bytes", 14 + 20 + 8 + len));
    }
}

#[test]
fn received_socket() {
    let Some(pair) = HostPair::for_test("received_socket", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let arguments = [&*far.link.name, &PORT.to_string()];
    let example = Example::start_in("received_socket", &far.namespace, &arguments);
    example.says("native mode, CapabilitySet(0x0)");
    let client = client(near, far.ipv4);
    for len in [0, 18, 1472] {
        assert!(ask(&client, &vec![0; len]).is_empty());
    }
}

#[test]
fn worker_per_queue() {
    const CLIENTS: u64 = 64;
    let Some(pair) = HostPair::for_test("worker_per_queue", 2) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let workers = Example::start("worker_per_queue", far, &[&PORT.to_string()]);
    // One flow per client, whose queue the kernel chooses: once in 2^63 runs a queue gets none.
    for number in 0..CLIENTS {
        let answer = ask(&client(near, far.ipv4), &number.to_be_bytes());
        assert!(answer.is_empty());
    }
    kill_process(Pid::from_child(&workers.child), Signal::INT).expect("a child that runs");
    let said = workers.finish();
    let counts: Vec<u64> = said
        .iter()
        .enumerate()
        .map(|(queue, line)| {
            let count = line.strip_prefix(&format!("queue {queue}: "));
            let count = count.and_then(|count| count.strip_suffix(" packets"));
            count.and_then(|count| count.parse().ok()).expect("a count")
        })
        .collect();
    assert_eq!(counts.len(), 2, "{said:?}");
    assert_eq!(counts.iter().sum::<u64>(), CLIENTS, "{said:?}");
    assert!(counts.iter().all(|count| *count > 0), "{said:?}");
}

#[test]
fn pcap() {
    let Some(pair) = HostPair::for_test("pcap", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("taken.pcap");
    let path = file.to_str().expect("text");
    let capture = Example::start("pcap", far, &[&PORT.to_string(), "10", path]);
    let client = client(near, far.ipv4);
    let payload = |number: usize| vec![number as u8; 100 * number];
    for number in 0..10 {
        client.send(&payload(number)).expect("sent");
    }
    assert!(capture.finish().is_empty());

    let file = fs::read(file).expect("a file");
    let (header, mut records) = file.split_at(24);
    assert_eq!(
        words(header)[..2],
        [0xa1b2_3c4d, u32::from_ne_bytes([2, 0, 4, 0])]
    );
    assert_eq!(words(header)[2..], [0, 0, 262_144, 1]);
    for number in 0..10 {
        let (header, rest) = records.split_at(16);
        let [seconds, nanoseconds, written, len] = words(header)[..] else {
            panic!("four words");
        };
        assert!(seconds > 1_700_000_000 && nanoseconds < 1_000_000_000);
        assert_eq!(written, len);
        let (packet, rest) = rest.split_at(written as usize);
        let datagram = Datagram::parse(packet, UdpChecksum::Ignore).expect("a datagram");
        assert_eq!(datagram.destination, (far.ipv4, PORT).into());
        assert_eq!(datagram.payload(packet), Some(&payload(number)[..]));
        records = rest;
    }
    assert!(records.is_empty());
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    words.iter().copied().map(u32::from_ne_bytes).collect()
}

#[test]
fn statistics() {
    let Some(pair) = HostPair::for_test("statistics", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("xskit.prom");
    let path = file.to_str().expect("text");
    let _statistics = Example::start("statistics", far, &[&PORT.to_string(), path]);
    let client = client(near, far.ipv4);
    for number in 0..10 {
        client.send(&[number]).expect("sent");
    }
    let deadline = Instant::now() + PATIENCE;
    let text = loop {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if text.contains("\nxskit_received_total 10\n") {
            break text;
        }
        assert!(Instant::now() < deadline, "{text}");
        // It is written once a second.
        thread::sleep(Duration::from_millis(10));
    };
    assert!(text.contains("\nxskit_program_taken_total 10\n"), "{text}");
    for sample in text.lines().collect::<Vec<_>>().chunks(2) {
        let (name, value) = sample[1].split_once(' ').expect("a sample");
        assert_eq!(sample[0], format!("# TYPE {name} counter"));
        value.parse::<u64>().expect("a number");
    }
}

#[test]
fn tokio() {
    let Some(pair) = HostPair::for_test("tokio", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let receiver = Example::start("tokio", far, &[&PORT.to_string()]);
    let client = client(near, far.ipv4);
    let from = client.local_addr().expect("bound");
    // One by one, so that each has to wake a task that waits; then in bursts, more than it takes at
    // once.
    for burst in [1; 20].into_iter().chain([200; 5]) {
        for number in 0..burst {
            client.send(&vec![0; number]).expect("sent");
        }
        for number in 0..burst {
            let line = receiver.line().expect("a line");
            assert_eq!(line, format!("{number} bytes from {from}"));
        }
    }
}

#[test]
fn own_backend() {
    let folder = tempfile::tempdir().expect("a folder");
    let (came_in, went_out) = (
        folder.path().join("in.pcap"),
        folder.path().join("out.pcap"),
    );
    // More than it has frames, of each length that a frame holds behind its headroom.
    let packets: Vec<Vec<u8>> = (0..3781_usize)
        .map(|number| (0..60 + number).map(|byte| byte as u8).collect())
        .collect();
    let mut file = pcap::file_header().to_vec();
    for packet in &packets {
        file.extend(pcap::packet_header(Duration::ZERO, packet.len()));
        file.extend(packet);
    }
    let run = |file: &[u8]| {
        fs::write(&came_in, file).expect("written");
        let mut command = Command::new(path("own_backend"));
        let output = command.arg(&came_in).arg(&went_out).output();
        let output = output.expect("it is built: see the head of this file");
        let said = String::from_utf8(output.stdout).expect("text");
        (said, output.status.success())
    };
    assert_eq!(run(&file), ("3781 packets sent back\n".to_owned(), true));
    let written = fs::read(&went_out).expect("a file");
    let (header, mut records) = written.split_at(pcap::FILE_HEADER_LEN);
    assert_eq!(header, pcap::file_header());
    for packet in &packets {
        let (header, rest) = records.split_at(pcap::PACKET_HEADER_LEN);
        let (sent, rest) = rest.split_at(words(header)[2] as usize);
        let (addresses, others) = packet.split_at(12);
        let (destination, source) = addresses.split_at(6);
        assert_eq!(sent, [source, destination, others].concat());
        records = rest;
    }
    assert!(records.is_empty());

    // It overwrites nothing.
    assert_eq!(run(&file), (String::new(), false));
    assert_eq!(fs::read(&went_out).expect("a file"), written);
    // A truncated file has the packets before its end; a packet that no frame holds is an error.
    fs::remove_file(&went_out).expect("it was there");
    let short = &file[..file.len() - 1];
    assert_eq!(run(short), ("3780 packets sent back\n".to_owned(), true));
    fs::remove_file(&went_out).expect("it was there");
    file.extend(pcap::packet_header(Duration::ZERO, 4096));
    file.extend([0; 4096]);
    assert_eq!(run(&file), ("3781 packets sent back\n".to_owned(), false));
    // Not a pcap file.
    fs::remove_file(&went_out).expect("it was there");
    file[..4].fill(0);
    assert_eq!(run(&file), (String::new(), false));
    assert!(!went_out.exists());
}
