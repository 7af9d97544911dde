//! Clients of HTTP/1.1 and HTTP/2, of hyper and handwritten, and a server on its own thread, over
//! each runtime.

/// Makes a test for each runtime of each of these functions.
macro_rules! on_each_runtime {
    ($($test:ident),+ $(,)?) => {
        mod tokio_runtime {
            $(#[test]
            fn $test() {
                super::$test(xskit_https::Runtime::Tokio);
            })+
        }
        #[cfg(feature = "tcp-uring")]
        mod uring_runtime {
            $(#[test]
            fn $test() {
                super::$test(xskit_https::Runtime::Uring);
            })+
        }
    };
}

mod bounds;
mod exchanges;
mod hostile;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xskit_https::{HttpsServer, HttpsStats, Resumer, Runtime};
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::server::Guests;
use xskit_quic::{Files, Handler, Http, HttpConfig, Identity, Root, ServerConfig};

/// The limit for what should happen at once, generous for slow machines.
const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    address: SocketAddr,
    authority: Authority,
    end: Option<oneshot::Sender<Duration>>,
    resumer: Resumer,
    guests: Guests,
    thread: Option<JoinHandle<HttpsStats>>,
}

/// A server of this handler. `change` is for the configuration.
fn site<H: Handler + Send + 'static>(
    runtime: Runtime,
    handler: H,
    change: fn(&mut ServerConfig),
) -> Site {
    let http = || Http::new(handler, &HttpConfig::default()).unwrap();
    site_of(runtime, http, change)
}

/// The same, with `http` called on the server's thread.
fn site_of<H: Handler + 'static>(
    runtime: Runtime,
    http: impl FnOnce() -> Http<H> + Send + 'static,
    change: fn(&mut ServerConfig),
) -> Site {
    let authority = Authority::new().unwrap();
    let names = ["127.0.0.1".to_owned()];
    let issued = authority.issue(&names, Validity::days(1)).unwrap();
    let (chain, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
    let mut config = ServerConfig::new(Identity::from_pem(chain, key).unwrap());
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel();
    let guests = Guests::new(&config);
    let its_guests = guests.clone();
    let (resumer, its_resumer) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let server = HttpsServer::new(&config, http(), its_guests, runtime).unwrap();
        server.control().advertise(Some(4433));
        resumer.send(server.resumer()).unwrap();
        let ended = async { ended.await.unwrap_or_default() };
        server.serve(listener, ended).unwrap()
    });
    Site {
        address,
        authority,
        end: Some(end),
        resumer: its_resumer.recv().unwrap(),
        guests,
        thread: Some(thread),
    }
}

impl Site {
    async fn connect(&self, protocol: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap();
        roots.add(own).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    fn end(mut self, grace: Duration) -> HttpsStats {
        self.end.take().unwrap().send(grace).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let url = format!("https://{}{path}", self.address);
        Request::builder()
            .method(method)
            .uri(url)
            .header("host", self.address.to_string())
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let limited = async { tokio::time::timeout(PATIENCE, future).await };
    runtime.unwrap().block_on(limited).expect("done in time")
}

type Sent = http_body_util::combinators::BoxBody<Bytes, Infallible>;

fn bytes(bytes: impl Into<Bytes>) -> Sent {
    Full::new(bytes.into()).boxed()
}

/// A client of either protocol.
enum Client {
    One(http1::SendRequest<Sent>),
    Two(http2::SendRequest<Sent>),
}

impl Client {
    async fn new(site: &Site, is_http2: bool) -> Self {
        let stream = site.connect(if is_http2 { "h2" } else { "http/1.1" }).await;
        let stream = TokioIo::new(stream.unwrap());
        if is_http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            return Self::Two(sender);
        }
        let (sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self::One(sender)
    }

    async fn ask(&mut self, request: Request<Sent>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

fn files() -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small"), "hello").unwrap();
    std::fs::write(dir.path().join("large"), vec![7; 3 << 20]).unwrap();
    let root = Root::open(dir.path()).unwrap();
    (dir, Files::new(root))
}
