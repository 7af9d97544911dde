//! `run`: a connection of plain HTTP, which is redirected to TLS (RFC 9110, section 15.4.9).

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use http::header::{CONNECTION, HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use xskit_quic::server::Guest;

use crate::runtime::{Listener, Runtime};

/// Runs a connection, for one request.
pub(crate) async fn run<L: Listener>(
    runtime: Runtime,
    patience: Duration,
    guest: Guest,
    port: u16,
    stream: L::Stream,
) {
    let own = L::local(&stream);
    let stream = TokioIo::new(stream);
    let service = service_fn(|request| {
        let response = redirect(&request, own.as_ref(), port);
        async { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).keep_alive(false);
    let connection = builder.serve_connection(stream, service);
    if let Some(Err(error)) = runtime.timeout(patience, connection).await {
        tracing::debug!(%error, "HTTP in the clear");
    }
    drop(guest);
}

/// 308, which keeps the method; 400 if the client's name for this host is unknown.
fn redirect(request: &Request<Incoming>, own: Option<&IpAddr>, port: u16) -> Response<Nothing> {
    let mut response = Response::new(Nothing);
    let location = location(request, own, port).and_then(|it| HeaderValue::try_from(it).ok());
    match location {
        Some(location) => {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(LOCATION, location);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn location(request: &Request<Incoming>, own: Option<&IpAddr>, port: u16) -> Option<String> {
    let named = request.uri().authority().cloned();
    let named = match named {
        Some(named) => Some(named),
        None => match request.headers().get(HOST) {
            Some(host) => Some(Authority::try_from(host.as_bytes()).ok()?),
            None => None,
        },
    };
    let host = match (&named, own) {
        (Some(named), _) => named.host().to_owned(),
        // HTTP/1.0 may omit it.
        (None, Some(IpAddr::V6(own))) => format!("[{own}]"),
        (None, Some(own)) => own.to_string(),
        (None, None) => return None,
    };
    let path = request.uri().path_and_query()?.as_str();
    if host.is_empty() || !path.starts_with('/') {
        return None;
    }
    Some(match port {
        443 => format!("https://{host}{path}"),
        _ => format!("https://{host}:{port}{path}"),
    })
}

/// An empty body.
struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(0)
    }
}
