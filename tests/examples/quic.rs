//! The QUIC examples, each over AF_XDP on one host, asked from the other over the kernel's UDP:
//! `quic` by our own client, the applications by quinn and h3, which share no code with quiche;
//! these over the kernel's UDP as well.

use std::fs;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use h3_quinn::OpenStreams;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Endpoint, EndpointConfig, TokioRuntime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use xskit::quic::Endpoint as _;
use xskit::quic::cert::{self, Validity};
use xskit::quic::client::{ClientEvent, Trust};
use xskit::quic::{Client, ClientConfig};
use xskit_testbed::{Host, HostPair};

use super::{Example, PATIENCE, PORT, client};

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
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;

        let root = CertificateDer::from_pem_slice(self.authority.pem().as_bytes());
        let mut trusted = rustls::RootCertStore::empty();
        trusted
            .add(root.expect("a certificate"))
            .expect("an authority's");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        tls.alpn_protocols = vec![protocol.to_vec()];
        let tls = QuicClientConfig::try_from(tls).expect("a cipher for Initial packets");
        quinn::ClientConfig::new(Arc::new(tls))
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
        let endpoint = Endpoint::new(
            EndpointConfig::default(),
            None,
            socket,
            Arc::new(TokioRuntime),
        );
        let endpoint = endpoint.expect("an endpoint");
        let name = to.ip().to_string();
        let connecting = endpoint.connect_with(config, to, &name).expect("a name");
        let all = async { work(connecting.await.expect("connected")).await };
        timeout(PATIENCE, all).await.expect("it goes on")
    })
}

fn content(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
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

    let socket = client(near, far.ipv4);
    let limited = socket.set_read_timeout(Some(Duration::from_millis(1)));
    limited.expect("a time limit");
    let (from, to) = (socket.local_addr(), socket.peer_addr());
    let (from, to) = (from.expect("bound"), to.expect("connected"));
    let (name, trust) = (far.ipv4.to_string(), Trust::Pem(identity.authority.pem()));
    let config = ClientConfig::new(&name, PORT, trust);
    let mut client = Client::new(&config, from, to, (), Instant::now()).expect("a client");
    let request = client.get("/file", None);
    let (mut got, mut buffer) = (Vec::new(), vec![0; 65_536]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = Instant::now();
        assert!(now < deadline, "{} bytes in {PATIENCE:?}", got.len());
        if client.poll_timeout().is_some_and(|at| at <= now) {
            client.handle_timeout(now);
        }
        while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
            // A probe may be longer than the path takes. What is lost is sent again.
            let _ = socket.send(&buffer[..transmit.len]);
        }
        if let Ok(len) = socket.recv(&mut buffer) {
            client.handle_datagram(now, &mut buffer[..len], to, from, ());
        }
        match client.poll_event() {
            Some(ClientEvent::Finished(_)) => break,
            Some(ClientEvent::Failed(_, error)) => panic!("{error}"),
            Some(ClientEvent::Closed(end)) => panic!("{end}"),
            Some(ClientEvent::Body(_)) => loop {
                match client.read_body(request, &mut buffer) {
                    0 => break,
                    len => got.extend_from_slice(&buffer[..len]),
                }
            },
            Some(_) | None => {}
        }
    }
    assert!(got == file, "{} bytes, and not the file's", got.len());
}

/// Sends a request with this body over HTTP/3: the answer's status and body.
async fn post(
    requests: &SendRequest<OpenStreams, Bytes>,
    path: &str,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let request = http::Request::post(format!("https://server{path}")).body(());
    let request = request.expect("a request");
    let stream = requests.clone().send_request(request).await;
    let mut stream = stream.expect("a stream");
    let mut refused = false;
    for piece in body.chunks(1 << 14) {
        let piece = Bytes::copy_from_slice(piece);
        refused = stream.send_data(piece).await.is_err();
        if refused {
            break;
        }
    }
    // After an error h3 takes a further call for one of its own.
    refused = refused || stream.finish().await.is_err();
    let response = stream.recv_response().await.expect("an answer");
    let status = response.status().as_u16();
    assert!(!refused || status == 413, "{status}, and refused");
    let mut answer = Vec::new();
    while let Some(mut piece) = stream.recv_data().await.expect("all of it") {
        answer.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    (status, answer)
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
        let http = h3::client::new(h3_quinn::Connection::new(connection)).await;
        let (mut driver, requests) = http.expect("HTTP/3");
        tokio::spawn(async move { poll_fn(|context| driver.poll_close(context)).await });
        let longest = format!("\"{}\"", "x".repeat((64 << 10) - 2));
        for document in ["null", r#"{"a": [1, 2.5, "ä"], "b": {}}"#, &longest] {
            let (status, answer) = post(&requests, "/echo", document.as_bytes()).await;
            assert_eq!(status, 200);
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            let sent: Value = serde_json::from_str(document).expect("JSON");
            assert_eq!(answer, json!({"received": sent, "bytes": document.len()}));
        }
        let said =
            |(status, answer): (u16, Vec<u8>)| (status, String::from_utf8(answer).expect("text"));
        let (status, why) = said(post(&requests, "/echo", b"{\"a\": ").await);
        assert!(status == 400 && why.contains("EOF"), "{status} {why}");
        let (status, why) = said(post(&requests, "/echo", b"").await);
        assert!(status == 400 && why.contains("EOF"), "{status} {why}");
        for len in [(64 << 10) + 1, 1 << 20] {
            let (status, why) = said(post(&requests, "/echo", &vec![b' '; len]).await);
            assert!(status == 413 && why.contains("64 KiB"), "{status} {why}");
        }
        assert_eq!(post(&requests, "/other", b"null").await.0, 404);
        let get = http::Request::get("https://server/echo").body(());
        let stream = requests.clone().send_request(get.expect("a request")).await;
        let mut stream = stream.expect("a stream");
        stream.finish().await.expect("sent");
        let response = stream.recv_response().await.expect("an answer");
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "POST");
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
