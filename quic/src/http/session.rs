//! `Session`: the HTTP/3 side of one connection to the server.

use std::collections::HashSet;
use std::sync::Arc;

use quiche::h3;

use super::chunk::{ChunkPool, Ledger};
use super::response::Response;
use super::root::Root;
use super::transfer::{Memory, Progress, Transfer, Turn};
use crate::quic::Quic;

/// What HTTP/3 has done, over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

/// What all sessions of a server share.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) root: &'a Root,
    pub(crate) pool: &'a Arc<ChunkPool>,
    /// File bytes a connection may hold.
    pub(crate) limit_bytes: usize,
}

/// Requests and responses of one connection.
pub(crate) struct Session {
    h3: h3::Connection,
    /// Requests whose stream the client has not finished; header fields that still come on
    /// one of them are trailers.
    open: HashSet<u64>,
    /// Responses on their way, the one whose turn it is first.
    transfers: Vec<Transfer>,
    progress: Progress,
    ledger: Ledger,
}

impl Session {
    /// Starts HTTP/3 on a connection whose handshake is done.
    pub(crate) fn start(quic: &mut Quic, config: &h3::Config) -> Result<Self, h3::Error> {
        Ok(Self {
            h3: h3::Connection::with_transport(quic, config)?,
            open: HashSet::new(),
            transfers: Vec::new(),
            progress: Progress::default(),
            ledger: Ledger::default(),
        })
    }

    /// Answers new requests, and writes as much of the responses as the transport takes.
    pub(crate) fn service(
        &mut self,
        quic: &mut Quic,
        files: &Files<'_>,
        counters: &mut HttpCounters,
    ) {
        if quic.is_readable() {
            self.handle_events(quic, files, counters);
        }
        self.write(quic, files, counters);
    }

    fn handle_events(&mut self, quic: &mut Quic, files: &Files<'_>, counters: &mut HttpCounters) {
        loop {
            match self.h3.poll(quic) {
                Ok((stream, h3::Event::Headers { list, more_frames })) => {
                    if !self.open.contains(&stream) {
                        self.answer(stream, &list, files, counters);
                    }
                    if more_frames {
                        self.open.insert(stream);
                    }
                }
                Ok((stream, h3::Event::Data)) => {
                    // A request body is of no use to a file server (RFC 9114, section 4.1.1).
                    let code = h3::WireErrorCode::NoError as u64;
                    let _ = quic.stream_shutdown(stream, quiche::Shutdown::Read, code);
                    // Nothing more will be told of its end.
                    self.open.remove(&stream);
                }
                Ok((stream, h3::Event::Finished)) => {
                    self.open.remove(&stream);
                }
                Ok((stream, h3::Event::Reset(_))) => {
                    self.open.remove(&stream);
                    self.cancel(stream, quic, counters);
                }
                Ok((stream, h3::Event::PriorityUpdate)) => {
                    let _ = self.h3.take_last_priority_update(stream);
                }
                Ok((_, h3::Event::GoAway)) => {}
                Err(h3::Error::Done) => return,
                Err(_) => {
                    // quiche has closed the connection with the fitting code.
                    counters.protocol_errors += 1;
                    self.transfers.clear();
                    return;
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
        let response = Response::to(headers, files.root);
        counters.requests += 1;
        counters.error_statuses += u64::from(response.status >= 400);
        self.transfers.push(Transfer::new(stream, response));
    }

    /// The client reset its request: nobody waits for the answer.
    fn cancel(&mut self, stream: u64, quic: &mut Quic, counters: &mut HttpCounters) {
        let before = self.transfers.len();
        self.transfers
            .retain(|transfer| transfer.stream() != stream);
        if self.transfers.len() < before {
            counters.cancelled += 1;
            let code = h3::WireErrorCode::RequestCancelled as u64;
            let _ = quic.stream_shutdown(stream, quiche::Shutdown::Write, code);
        }
    }

    /// Rounds over the transfers, a turn each, until none gets on.
    fn write(&mut self, quic: &mut Quic, files: &Files<'_>, counters: &mut HttpCounters) {
        let memory = Memory {
            pool: files.pool,
            ledger: &self.ledger,
            limit_bytes: files.limit_bytes,
            sharers: self.transfers.len(),
        };
        let before = self.progress.body_bytes;
        let mut advanced = true;
        while std::mem::take(&mut advanced) {
            self.transfers.retain_mut(|transfer| {
                match transfer.advance(&mut self.h3, quic, &memory, &mut self.progress) {
                    Turn::Advanced => {
                        advanced = true;
                        return true;
                    }
                    Turn::Blocked => return true,
                    Turn::Done => counters.completed += 1,
                    Turn::Cancelled => counters.cancelled += 1,
                    Turn::Broken => counters.broken += 1,
                }
                false
            });
            // Who got nothing, for want of room, comes first when there is some again.
            self.transfers.sort_by_key(Transfer::last_turn);
        }
        counters.body_bytes += self.progress.body_bytes - before;
    }
}
