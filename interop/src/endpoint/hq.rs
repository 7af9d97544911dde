//! HTTP/0.9 over QUIC at the server: the answer to a stream with `GET /name` is the file's bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xskit_quic::QuicConnection;
use xskit_quic::quiche::{self, Shutdown};
use xskit_quic::server::{Activity, WaitsFor};

use crate::setting::file_name;

/// The longest request.
const MAX_REQUEST_BYTES: usize = 1024;

/// The reset code of a stream without an answer. The protocol has no codes.
const NO_ANSWER: u64 = 1;

pub(super) struct Hq {
    folder: PathBuf,
}

/// The streams of a connection.
#[derive(Default)]
pub(super) struct HqSession {
    streams: BTreeMap<u64, Stream>,
}

enum Stream {
    Asking(Vec<u8>),
    Answering { content: Vec<u8>, sent: usize },
}

impl Hq {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(super) fn service(&self, session: &mut HqSession, quic: &mut QuicConnection) -> Activity {
        let mut advanced = false;
        for id in quic.readable() {
            advanced |= self.read(session, quic, id);
        }
        session.streams.retain(|&id, stream| {
            let Stream::Answering { content, sent } = stream else {
                return true;
            };
            match quic.stream_send(id, &content[*sent..], true) {
                Ok(taken) => {
                    *sent += taken;
                    advanced |= taken > 0;
                    *sent < content.len()
                }
                Err(quiche::Error::Done) => true,
                // The client has stopped the stream.
                Err(_) => false,
            }
        });
        let answering = session.streams.values().filter_map(|stream| match stream {
            Stream::Asking(_) => None,
            Stream::Answering { content, sent } => Some(content.len() - sent),
        });
        let (mut held_bytes, mut is_answering) = (0, false);
        for left in answering {
            (held_bytes, is_answering) = (held_bytes + left, true);
        }
        Activity {
            advanced,
            held_bytes,
            waits_for: match is_answering {
                true => WaitsFor::Peer,
                false => WaitsFor::Request,
            },
        }
    }

    /// Reads a request. Returns whether any bytes came.
    fn read(&self, session: &mut HqSession, quic: &mut QuicConnection, id: u64) -> bool {
        let (mut buffer, mut advanced) = ([0; MAX_REQUEST_BYTES], false);
        while let Ok((len, is_all)) = quic.stream_recv(id, &mut buffer) {
            advanced = true;
            let stream = session.streams.entry(id);
            let stream = stream.or_insert_with(|| Stream::Asking(Vec::new()));
            let Stream::Asking(request) = stream else {
                break;
            };
            request.extend_from_slice(&buffer[..len]);
            if request.len() <= MAX_REQUEST_BYTES && !is_all {
                continue;
            }
            match is_all.then(|| self.file(request)).flatten() {
                Some(content) => *stream = Stream::Answering { content, sent: 0 },
                None => {
                    session.streams.remove(&id);
                    // Fails only for a stream that has ended.
                    let _ = quic.stream_shutdown(id, Shutdown::Read, NO_ANSWER);
                    let _ = quic.stream_shutdown(id, Shutdown::Write, NO_ANSWER);
                    break;
                }
            }
        }
        advanced
    }

    fn file(&self, request: &[u8]) -> Option<Vec<u8>> {
        let request = std::str::from_utf8(request).ok()?;
        let name = file_name(request.trim_end().strip_prefix("GET ")?)?;
        std::fs::read(self.folder.join(name)).ok()
    }
}
