//! The QUIC examples, each over AF_XDP on one host, asked from the other over the kernel's UDP by
//! quinn and h3, which share no code with quiche. The applications over the kernel's UDP as well.

// The tests of the command use more of it.
#[allow(dead_code)]
#[path = "../../cli/tests/interop/http3.rs"]
mod http3;

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use bytes::Bytes;
use http::Request;
use rustls::crypto::ring::default_provider;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use xskit::quic::cert::{self, Validity};
use xskit_testbed::{Host, HostPair};

use super::{Example, PATIENCE, PORT, content};
use http3::Connection;

/// An authority, and a server's certificate by it for one address, in files.
struct Identity {
    folder: TempDir,
    authority: cert::Authority,
}

impl Identity {
    fn of(server: impl Into<IpAddr>) -> Self {
        let authority = cert::Authority::new().expect("an authority");
        let names = [server.into().to_string()];
        let pem = authority.issue(&names, Validity::days(1));
        let pem = pem.expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Self { folder, authority };
        identity.write("chain.pem", pem.certificate.as_bytes());
        identity.write("key.pem", pem.key.as_bytes());
        identity
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).expect("written");
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("text").to_owned()
    }

    /// Starts an example with the port, the arguments in `more`, the chain and the key.
    fn serve(&self, example: &str, host: &Host, more: &[&str]) -> Example {
        let (port, chain, key) = (
            PORT.to_string(),
            self.path("chain.pem"),
            self.path("key.pem"),
        );
        let arguments = [&[&*port], more, &[&chain, &key]].concat();
        Example::start(example, host, &arguments)
    }

    /// Starts an example over the kernel's UDP.
    fn serve_by_kernel(&self, example: &str, host: &Host) -> Example {
        let (address, port) = (host.ipv4.to_string(), PORT.to_string());
        let arguments = [address, port, self.path("chain.pem"), self.path("key.pem")];
        let arguments = arguments.each_ref().map(String::as_str);
        let example = Example::start_in(example, &host.namespace, &arguments);
        example.says("the kernel's UDP");
        example
    }

    /// What quinn needs to believe this authority alone, and to speak this protocol.
    fn quinn(&self, protocol: &[u8]) -> quinn::ClientConfig {
        let authority = self.authority.pem();
        http3::config(default_provider(), authority.as_bytes(), |tls| {
            tls.alpn_protocols = vec![protocol.to_vec()];
        })
    }
}

/// Runs a client's work on this thread, with a connection to `to`.
fn connected<F: Future>(
    on: &Host,
    to: impl Into<IpAddr>,
    config: quinn::ClientConfig,
    work: impl FnOnce(quinn::Connection) -> F,
) -> F::Output {
    let to = SocketAddr::new(to.into(), PORT);
    // A socket stays on the host where it was opened.
    let socket = on.run(|| UdpSocket::bind(("0.0.0.0", 0)));
    let socket = socket.expect("in the host").expect("bound");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let endpoint = http3::endpoint(socket, config);
        let name = to.ip().to_string();
        let connecting = endpoint.connect(to, &name).expect("a name");
        let all = async { work(connecting.await.expect("connected")).await };
        timeout(PATIENCE, all).await.expect("it goes on")
    })
}

/// A file from the server on one host, by a client over the kernel's UDP on the other.
#[test]
fn quic() {
    let Some(pair) = HostPair::for_test("quic", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let identity = Identity::of(far.ipv4);
    let file = content(1 << 20);
    identity.write("file", &file);
    let root = identity.folder.path().to_str().expect("text");
    let _server = identity.serve("quic", far, &[root]);

    connected(near, far.ipv4, identity.quinn(b"h3"), |connection| async {
        let connection = Connection::begin(connection).await.expect("HTTP/3");
        let (status, got) = ask(&connection, "GET", "/file", b"").await;
        assert_eq!(status, 200);
        assert!(got == file, "{} bytes, and not the file's", got.len());
    });
}

/// The answer's status and body to a request with this body over HTTP/3.
async fn ask(connection: &Connection, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let uri = format!("https://server{path}");
    let request = Request::builder().method(method).uri(uri).body(body);
    let reply = connection.send(request.expect("a request")).await;
    let reply = reply.expect("an answer");
    let status = reply.status().as_u16();
    assert!(reply.is_taken || status == 413, "{status}, and refused");
    (status, reply.body().await.expect("all of it"))
}

#[test]
fn json_echo() {
    let Some(pair) = HostPair::for_test("json_echo", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let identity = Identity::of(far.ipv4);
    let server = identity.serve("json_echo", far, &[]);
    check_json_echo(near, far, &identity);
    drop(server);
    let _server = identity.serve_by_kernel("json_echo", far);
    check_json_echo(near, far, &identity);
}

fn check_json_echo(near: &Host, far: &Host, identity: &Identity) {
    connected(near, far.ipv4, identity.quinn(b"h3"), |connection| async {
        let connection = Connection::begin(connection).await.expect("HTTP/3");
        let longest = format!("\"{}\"", "x".repeat((64 << 10) - 2));
        for document in ["null", r#"{"a": [1, 2.5, "ä"], "b": {}}"#, &longest] {
            let (status, answer) = ask(&connection, "POST", "/echo", document.as_bytes()).await;
            assert_eq!(status, 200);
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            let sent: Value = serde_json::from_str(document).expect("JSON");
            assert_eq!(answer, json!({"received": sent, "bytes": document.len()}));
        }
        let (too_long, far_too_long) = (vec![b' '; (64 << 10) + 1], vec![b' '; 1 << 20]);
        for (method, path, document, status, words) in [
            ("POST", "/echo", &b"{\"a\": "[..], 400, "EOF"),
            ("POST", "/echo", b"", 400, "EOF"),
            ("POST", "/echo", &too_long, 413, "64 KiB"),
            ("POST", "/echo", &far_too_long, 413, "64 KiB"),
            ("POST", "/other", b"null", 404, ""),
            ("GET", "/echo", b"", 405, ""),
        ] {
            let (found, why) = ask(&connection, method, path, document).await;
            let why = String::from_utf8(why).expect("text");
            assert!(
                found == status && why.contains(words),
                "{method} {path}: {found} {why}"
            );
        }
        let get = Request::get("https://server/echo").body(&[][..]);
        let reply = connection.send(get.expect("a request")).await;
        let allowed = reply.expect("an answer");
        assert_eq!(allowed.header(http::header::ALLOW), Some("POST"));
    });
}

#[test]
fn streams() {
    let Some(pair) = HostPair::for_test("streams", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let identity = Identity::of(far.ipv4);
    let server = identity.serve("streams", far, &[]);
    check_streams(near, far, &identity);
    drop(server);
    let _server = identity.serve_by_kernel("streams", far);
    check_streams(near, far, &identity);
}

fn check_streams(near: &Host, far: &Host, identity: &Identity) {
    let config = identity.quinn(b"xskit-echo");
    connected(near, far.ipv4, config, |connection| async move {
        // More than any window, and several at once.
        let echoed = |len| {
            let connection = connection.clone();
            tokio::spawn(async move {
                let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
                let sent = content(len);
                let writing = tokio::spawn({
                    let sent = sent.clone();
                    async move {
                        send.write_all(&sent).await.expect("taken");
                        send.finish().expect("open");
                    }
                });
                let got = receive.read_to_end(usize::MAX).await;
                writing.await.expect("written");
                assert!(got.expect("all of it") == sent, "{len} bytes");
            })
        };
        for task in [0, 1, 100_000, 2 << 20, 2 << 20].map(echoed) {
            task.await.expect("the same");
        }
        // One that is given up ends from both sides, and the connection goes on.
        let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
        send.write_all(b"abc").await.expect("taken");
        let mut back = [0; 3];
        receive.read_exact(&mut back).await.expect("three bytes");
        assert_eq!(&back, b"abc");
        send.reset(quinn::VarInt::from_u32(7)).expect("open");
        let end = receive.read_to_end(10).await.expect_err("no end");
        let reset = quinn::ReadError::Reset(quinn::VarInt::from_u32(7));
        assert_eq!(end, quinn::ReadToEndError::Read(reset));
        for len in [0, 1, 1000] {
            let sent = Bytes::from(content(len));
            connection.send_datagram(sent.clone()).expect("sent");
            assert_eq!(connection.read_datagram().await.expect("it came"), sent);
        }
    });
}
