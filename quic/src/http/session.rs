//! `Session`: the HTTP/3 side of one connection to the server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use quiche::h3;

use super::chunk::{ChunkPool, Ledger};
use super::credit::Credit;
use super::memory::{Bounds, Memory};
use super::open_files::{Account, OpenFiles};
use super::response::Response;
use super::root::Root;
use super::transfer::{Progress, Transfer, Turn};
use crate::quic::Quic;

/// Unidirectional streams that a client may open as long as its connection lasts.
const MAX_UNIDIRECTIONAL_STREAMS: u64 = 1000;

/// What HTTP/3 has done, over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCounters {
    /// Requests answered, whatever the status.
    pub requests: u64,
    /// Of those, answered with a status of 400 or above.
    pub error_statuses: u64,
    /// Responses whose last byte was handed to the transport.
    pub completed: u64,
    /// Responses that the client gave up.
    pub cancelled: u64,
    /// Responses cut off because the file became shorter or could not be read.
    pub broken: u64,
    /// Body bytes handed to the transport.
    pub body_bytes: u64,
    /// Connections closed because the peer broke the rules of HTTP/3.
    pub protocol_errors: u64,
    /// Connections closed because the client gave up too many requests.
    pub excessive_load: u64,
    /// Requests answered with 503, because the client had its share of the open files.
    pub too_many_files: u64,
}

/// What all sessions of a server share.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) root: &'a Root,
    pub(crate) pool: &'a Arc<ChunkPool>,
    pub(crate) bounds: Bounds,
    pub(crate) open: &'a OpenFiles,
    /// Requests that a client may give up.
    pub(crate) credit: u32,
}

/// Requests and responses of one connection.
pub(crate) struct Session {
    h3: h3::Connection,
    /// Requests that were answered, and whose end was not told yet; header fields that still come
    /// on one of them are trailers.
    open: HashSet<u64>,
    /// Streams that ended before quiche's HTTP/3 saw the end of a response on them. It keeps them
    /// in mind until it is asked for them once the transport has forgotten them.
    cut_short: Vec<u64>,
    /// Responses on their way, the one whose turn it is first.
    transfers: Vec<Transfer>,
    progress: Progress,
    ledger: Ledger,
    credit: Credit,
    account: Account,
}

impl Session {
    /// Starts HTTP/3 on a connection whose handshake is done.
    pub(crate) fn start(
        quic: &mut Quic,
        config: &h3::Config,
        credit: u32,
        account: Account,
        now: Instant,
    ) -> Result<Self, h3::Error> {
        Ok(Self {
            h3: h3::Connection::with_transport(quic, config)?,
            open: HashSet::new(),
            cut_short: Vec::new(),
            transfers: Vec::new(),
            progress: Progress::default(),
            ledger: Ledger::default(),
            credit: Credit::new(credit, now),
            account,
        })
    }

    /// File bytes in memory: read, and not yet acknowledged.
    pub(crate) fn held_bytes(&self) -> usize {
        self.ledger.bytes()
    }

    /// Whether a response is on its way to the transport.
    pub(crate) fn is_answering(&self) -> bool {
        !self.transfers.is_empty()
    }

    /// Answers new requests, and writes as much of the responses as the transport takes.
    pub(crate) fn service(
        &mut self,
        quic: &mut Quic,
        files: &Files<'_>,
        counters: &mut HttpCounters,
        now: Instant,
    ) {
        let mut given_up = 0;
        // Before they are read.
        let crowded = opens_too_many(quic);
        if quic.is_readable() {
            given_up += self.handle_events(quic, files, counters);
        }
        given_up += self.write(quic, files, counters);
        self.forget_cut_short(quic);
        let affordable = (0..given_up).all(|_| self.credit.spend(now));
        if crowded || !affordable {
            counters.excessive_load += 1;
            self.transfers.clear();
            let code = h3::WireErrorCode::ExcessiveLoad as u64;
            let _ = quic.close(true, code, b"too many streams came to nothing");
        }
    }

    /// Takes in what the client said; how many requests it gave up.
    fn handle_events(
        &mut self,
        quic: &mut Quic,
        files: &Files<'_>,
        counters: &mut HttpCounters,
    ) -> u32 {
        let mut given_up = 0;
        loop {
            match self.h3.poll(quic) {
                Ok((stream, h3::Event::Headers { list, .. })) => {
                    if self.open.insert(stream) {
                        self.answer(stream, &list, files, counters);
                    }
                }
                Ok((stream, h3::Event::Data)) => {
                    // A request body is of no use to a file server (RFC 9114, section 4.1.1).
                    let code = h3::WireErrorCode::NoError as u64;
                    let _ = quic.stream_shutdown(stream, quiche::Shutdown::Read, code);
                    // Nothing more will be told of its end, unless that has come already.
                    if !quic.stream_finished(stream) {
                        self.open.remove(&stream);
                    }
                    self.cut_short.push(stream);
                }
                Ok((stream, h3::Event::Finished)) => {
                    if !self.open.remove(&stream) {
                        given_up += 1;
                        self.abort(stream, quic, h3::WireErrorCode::RequestIncomplete);
                    }
                }
                Ok((stream, h3::Event::Reset(_))) => {
                    let is_answered = self.open.remove(&stream);
                    // Otherwise the response is sent already, or was given up before.
                    if self.cancel(stream, counters) || !is_answered {
                        given_up += 1;
                        self.abort(stream, quic, h3::WireErrorCode::RequestCancelled);
                    }
                }
                Ok((stream, h3::Event::PriorityUpdate)) => {
                    let _ = self.h3.take_last_priority_update(stream);
                }
                Ok((_, h3::Event::GoAway)) => {}
                Err(h3::Error::Done) => return given_up,
                Err(_) => {
                    // quiche has closed the connection with the fitting code.
                    counters.protocol_errors += 1;
                    self.transfers.clear();
                    return given_up;
                }
            }
        }
    }

    fn answer(
        &mut self,
        stream: u64,
        headers: &[h3::Header],
        files: &Files<'_>,
        counters: &mut HttpCounters,
    ) {
        let now = SystemTime::now();
        let lease = files.open.lease(&self.account);
        let response = match lease {
            Some(_) => Response::to(headers, files.root, now),
            None => Response::busy(headers, now),
        };
        counters.requests += 1;
        counters.error_statuses += u64::from(response.status >= 400);
        counters.too_many_files += u64::from(lease.is_none());
        self.transfers.push(Transfer::new(stream, response, lease));
    }

    /// Nobody waits for the answer any more. False when there is none under way.
    fn cancel(&mut self, stream: u64, counters: &mut HttpCounters) -> bool {
        let before = self.transfers.len();
        self.transfers
            .retain(|transfer| transfer.stream() != stream);
        let is_under_way = self.transfers.len() < before;
        counters.cancelled += u64::from(is_under_way);
        is_under_way
    }

    /// Ends our side of a stream without an answer, so that its place is free for another.
    fn abort(&mut self, stream: u64, quic: &mut Quic, code: h3::WireErrorCode) {
        let _ = quic.stream_shutdown(stream, quiche::Shutdown::Write, code as u64);
        self.cut_short.push(stream);
    }

    /// Has quiche's HTTP/3 forget streams that the transport has forgotten: it does so when it is
    /// to send something on one. Which of the two calls does it depends on how far the response was.
    fn forget_cut_short(&mut self, quic: &mut Quic) {
        let http = &mut self.h3;
        self.cut_short.retain(|stream| {
            let capacity = quic.stream_capacity(*stream);
            let is_gone = matches!(capacity, Err(quiche::Error::InvalidStreamState(_)));
            if is_gone {
                let _ = http.send_body(quic, *stream, b"", true);
                let _ = http.send_response::<h3::Header, _>(quic, *stream, &[], true);
            }
            !is_gone
        });
    }

    /// Rounds over the transfers, a turn each, until none gets on. How many were given up.
    fn write(&mut self, quic: &mut Quic, files: &Files<'_>, counters: &mut HttpCounters) -> u32 {
        let memory = Memory {
            pool: files.pool,
            ledger: &self.ledger,
            bounds: files.bounds,
            sharers: self.transfers.len(),
        };
        let before = self.progress.body_bytes;
        let (cut_short, credit) = (&mut self.cut_short, &mut self.credit);
        let mut given_up = 0;
        let mut advanced = true;
        while std::mem::take(&mut advanced) {
            self.transfers.retain_mut(|transfer| {
                match transfer.advance(&mut self.h3, quic, &memory, &mut self.progress) {
                    Turn::Advanced => {
                        advanced = true;
                        return true;
                    }
                    Turn::Blocked => return true,
                    Turn::Done => {
                        counters.completed += 1;
                        credit.earn();
                        return false;
                    }
                    Turn::Cancelled => {
                        counters.cancelled += 1;
                        given_up += 1;
                    }
                    Turn::Broken => counters.broken += 1,
                }
                cut_short.push(transfer.stream());
                false
            });
            // Who got nothing, for want of room, comes first when there is some again.
            self.transfers.sort_by_key(Transfer::last_turn);
        }
        counters.body_bytes += self.progress.body_bytes - before;
        given_up
    }
}

/// Whether the client has opened more unidirectional streams than any does. HTTP/3 has a use for
/// three; those of other kinds are read past, but quiche keeps something of each.
fn opens_too_many(quic: &Quic) -> bool {
    let mut unidirectional = quic.readable().filter(|stream| stream & 2 != 0);
    unidirectional.any(|stream| stream >> 2 >= MAX_UNIDIRECTIONAL_STREAMS)
}
