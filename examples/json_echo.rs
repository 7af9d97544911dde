//! Accepts a JSON document by POST /echo over HTTP/3, and answers with the document and its length.
//!
//! ```sh
//! cargo build --example json_echo --features udp
//! sudo target/debug/examples/json_echo eth1 4433 chain.pem key.pem  # or 0.0.0.0 for eth1: the kernel's UDP
//! ```

use serde_json::{Value, json};
use xskit::quic::{Handler, Http, HttpConfig, Incoming, Reply, Request, Response};

mod transport;

/// The longest document that is accepted. A connection has up to 100 requests in progress.
const MOST_BYTES: usize = 64 << 10;

struct Echo;

impl Handler for Echo {
    /// The part of the document received so far.
    type Exchange = Vec<u8>;

    fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) -> Vec<u8> {
        match (request.method(), request.path()) {
            ("POST", "/echo") => {}
            (_, "/echo") => reply.respond(Response::new(405).field("allow", "POST")),
            _ => reply.respond(Response::new(404)),
        }
        Vec::new()
    }

    fn body(&mut self, document: &mut Vec<u8>, body: &mut Incoming<'_>, reply: &mut Reply<'_>) {
        while body.read_into(document, MOST_BYTES + 1 - document.len()) > 0 {}
        if document.len() > MOST_BYTES {
            // Without effect if it was answered already.
            reply.respond(Response::text(413, "a document has 64 KiB at most\n"));
            body.refuse();
        }
    }

    fn end(&mut self, document: &mut Vec<u8>, reply: &mut Reply<'_>) {
        let answer = match serde_json::from_slice::<Value>(document) {
            Err(error) => Response::text(400, format!("no JSON: {error}\n")),
            Ok(received) => Response::new(200)
                .field("content-type", "application/json")
                .body(json!({"received": received, "bytes": document.len()}).to_string()),
        };
        reply.respond(answer);
    }
}

fn main() -> transport::Outcome {
    transport::serve(Http::new(Echo, &HttpConfig::default())?, |_| {})
}
