//! `Exchange`: one request and its response.

use std::net::SocketAddr;
use std::time::Instant;

use quiche::h3;

use super::counters::HttpCounters;
use super::incoming::BodyState;
use super::memory::Memory;
use super::open_files::OpenFiles;
use super::record::{Ending, Hook, Record};
use super::reply::Reply;
use super::transfer::{Progress, Transfer, Turn};
use crate::quic::QuicConnection;
use crate::server::Peer;

/// One request, until its response is over. `E` is what the handler keeps of it.
pub(super) struct Exchange<E> {
    pub(super) transfer: Transfer,
    pub(super) body: BodyState,
    /// The handler is to be asked for more.
    pub(super) resumed: bool,
    /// `None` for a request that the handler didn't see.
    pub(super) state: Option<E>,
    /// If somebody is told of its end.
    record: Option<Record>,
}

impl<E> Exchange<E> {
    pub(super) fn new(transfer: Transfer, state: Option<E>, record: Option<Record>) -> Self {
        Self {
            transfer,
            body: BodyState::Drained,
            resumed: false,
            state,
            record,
        }
    }

    pub(super) fn stream(&self) -> u64 {
        self.transfer.stream()
    }

    /// What a call of the handler is given.
    pub(super) fn parts<'a>(
        &'a mut self,
        peer: &'a Peer,
        open: &'a OpenFiles,
    ) -> Option<(&'a mut E, Reply<'a>)> {
        let reply = Reply::new(&mut self.transfer, peer, open);
        Some((self.state.as_mut()?, reply))
    }

    /// Writes what the transport takes in one turn, and counts it.
    pub(super) fn take_turn(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        memory: &Memory<'_>,
        progress: &mut Progress,
        counters: &mut HttpCounters,
    ) -> Turn {
        let had_something = self.transfer.has_something();
        let status = self.transfer.take_status();
        counters.error_statuses += u64::from(status.is_some_and(|it| it >= 400));
        counters.too_many_files += u64::from(self.transfer.take_file_refused());
        let before = progress.body_bytes;
        let turn = self.transfer.advance(h3, quic, memory, progress);
        if let Some(record) = &mut self.record {
            record.status = status.or(record.status);
            record.body_bytes += progress.body_bytes - before;
        }
        match turn {
            // Once each time.
            Turn::Advanced | Turn::Awaiting => {
                self.resumed |= had_something && self.transfer.is_dry();
            }
            Turn::Blocked => {}
            Turn::Done => counters.completed += 1,
            Turn::Cancelled => counters.cancelled += 1,
            Turn::Broken => counters.broken += 1,
        }
        turn
    }

    /// The final response's status, for whoever is told of its end.
    pub(super) fn note_status(&mut self, status: Option<u16>) {
        if let Some(record) = &mut self.record {
            record.status = status.or(record.status);
        }
    }

    /// Bytes of its body, for the same.
    pub(super) fn note_body(&mut self, bytes: u64) {
        if let Some(record) = &mut self.record {
            record.body_bytes = bytes;
        }
    }

    /// Tells whoever wants to know of its end.
    pub(super) fn report(
        &mut self,
        hook: &mut Option<Hook>,
        peer: SocketAddr,
        now: Instant,
        ending: Ending,
    ) {
        if let (Some(hook), Some(record)) = (hook, &mut self.record) {
            record.status = self.transfer.take_status().or(record.status);
            record.report(hook, peer, now, ending);
        }
    }

    /// Whether the client is to take something, or to send the rest of its request.
    pub(super) fn is_the_clients_move(&self) -> bool {
        self.transfer.has_something() || self.body == BodyState::Drained
    }
}
