//! The request, and its answer written to the file.

use anyhow::{anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use xskit::quic::client::{
    ClientEvent, ConnectionEnd, RequestError, RequestId, ResponseHead, Validator,
};

use super::Get;
use super::continuation::Verdict;
use super::output::Origin;
use crate::nic::attached::Attached;
use crate::nic::socket::Driver;
use crate::report;

/// Bytes taken from the connection at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// A request under way.
struct Transfer<'a> {
    request: RequestId,
    /// The length that a file has once the rest of it has come.
    complete: Option<u64>,
    chunk: Vec<u8>,
    bar: &'a ProgressBar,
}

impl Get<'_> {
    /// Runs the request to its end.
    pub(super) fn transfer(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> anyhow::Result<()> {
        let bar = ProgressBar::no_length();
        let mut transfer = Transfer {
            request: self.ask(),
            complete: None,
            chunk: vec![0; CHUNK_BYTES],
            bar: &bar,
        };
        let outcome = self.follow(driver, attached, &mut transfer);
        // Whatever the outcome, the next line must not run into the bar.
        bar.finish_and_clear();
        outcome
    }

    /// Asks for the file, or for the rest of it.
    fn ask(&mut self) -> RequestId {
        let (client, path) = (&mut self.attempt.client, &self.target.path);
        match &self.continuation {
            Some(rest) => client.get_if_range(path, rest.range(), &rest.validator),
            None => client.get(path, None),
        }
    }

    fn follow(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
        transfer: &mut Transfer<'_>,
    ) -> anyhow::Result<()> {
        let nic = self.nic;
        loop {
            let moved = driver.turn(&mut self.attempt.client);
            let moved = moved.map_err(|error| nic.socket_failed(error))?;
            if self.handle_events(transfer)? {
                return Ok(());
            }
            self.rest(driver, attached, moved)?;
        }
    }

    /// Handles the events of the last turn; true if the file is complete.
    fn handle_events(&mut self, transfer: &mut Transfer<'_>) -> anyhow::Result<bool> {
        while let Some(event) = self.attempt.client.poll_event() {
            match event {
                ClientEvent::Closed(end) => return Err(self.ended(end)),
                ClientEvent::Response(_, head) if self.continuation.is_some() => {
                    let was_whole = self.go_on(&head, transfer)?;
                    if was_whole {
                        return Ok(true);
                    }
                }
                ClientEvent::Response(_, head) => self.begin(&head, transfer)?,
                // Of an answer that was not the file.
                ClientEvent::Body(id) | ClientEvent::Finished(id) | ClientEvent::Failed(id, _)
                    if id != transfer.request => {}
                ClientEvent::Body(_) => self.take_body(transfer)?,
                ClientEvent::Finished(_) => return self.check_length(transfer),
                ClientEvent::Failed(_, error @ RequestError::Stalled { .. }) => {
                    return Err(anyhow!("{error} (--timeout)"));
                }
                ClientEvent::Failed(_, error) => return Err(anyhow!(error)),
                // The other events don't matter to a download.
                _ => {}
            }
        }
        Ok(false)
    }

    /// Handles the answer to the request for the rest; true if the file was complete before.
    fn go_on(&mut self, head: &ResponseHead, transfer: &mut Transfer<'_>) -> anyhow::Result<bool> {
        let Some(rest) = self.continuation.take() else {
            return Ok(false);
        };
        let verdict = rest.judge(head);
        // Another -C would fail alike.
        let verdict = verdict.inspect_err(|_| self.output.begin(None))?;
        match verdict {
            Verdict::GoOn { complete } => {
                self.output.go_on();
                transfer.complete = Some(complete);
                self.show_length(complete, transfer)?;
            }
            Verdict::Whole => self.output.go_on(),
            Verdict::Anew | Verdict::Ask => {
                let why = match rest.validator.matches(head) {
                    Some(true) => "the server sends no parts of the file",
                    _ => "the server has another version of the file",
                };
                report::say(format_args!(
                    "xskit: note: -C: the download starts over: {why}"
                ));
                if verdict == Verdict::Ask {
                    transfer.request = self.ask();
                } else {
                    self.begin(head, transfer)?;
                }
            }
            Verdict::Refused => self.begin(head, transfer)?,
        }
        Ok(verdict == Verdict::Whole)
    }

    /// Handles the header fields of an answer that should be the whole file.
    fn begin(&mut self, head: &ResponseHead, transfer: &Transfer<'_>) -> anyhow::Result<()> {
        ensure!(
            head.status == 200,
            "the server answered {} to {}",
            status_text(head.status),
            self.args.url
        );
        let validator = Validator::of(head);
        let origin = validator.map(|validator| Origin::new(self.target, validator));
        self.output.begin(origin);
        match head.content_length {
            Some(len_bytes) => self.show_length(len_bytes, transfer),
            None => Ok(()),
        }
    }

    fn show_length(&self, len_bytes: u64, transfer: &Transfer<'_>) -> anyhow::Result<()> {
        let bar = transfer.bar;
        bar.set_length(len_bytes);
        bar.set_position(self.output.bytes());
        // The rate is the current one.
        bar.reset_eta();
        bar.set_style(ProgressStyle::with_template(
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        )?);
        Ok(())
    }

    fn take_body(&mut self, transfer: &mut Transfer<'_>) -> anyhow::Result<()> {
        let (client, chunk) = (&mut self.attempt.client, &mut transfer.chunk);
        loop {
            let len = client.read_body(transfer.request, chunk);
            let Some(bytes) = chunk.get(..len).filter(|bytes| !bytes.is_empty()) else {
                transfer.bar.set_position(self.output.bytes());
                return Ok(());
            };
            self.output.write(bytes)?;
        }
    }

    /// Whether the file is complete, now that the answer is.
    fn check_length(&self, transfer: &Transfer<'_>) -> anyhow::Result<bool> {
        let bytes = self.output.bytes();
        let complete = transfer.complete.unwrap_or(bytes);
        ensure!(
            complete == bytes,
            "the server announced {complete} bytes, and sent {bytes}"
        );
        Ok(true)
    }

    pub(super) fn ended(&self, end: ConnectionEnd) -> anyhow::Error {
        let url = &self.args.url;
        if self.output.bytes() == 0 {
            anyhow!(end).context(format!("fetching {url}"))
        } else {
            anyhow!(end).context(format!("the download of {url} broke off"))
        }
    }
}

fn status_text(status: u16) -> String {
    http::StatusCode::from_u16(status).map_or(status.to_string(), |status| status.to_string())
}
