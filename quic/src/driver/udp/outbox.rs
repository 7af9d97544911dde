//! `Outbox`: datagrams on their way into one send.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use rustix::io::Errno;

use crate::{MAX_UDP_PAYLOAD_BYTES, Transmit};

/// The most bytes per send: the payload of the largest IPv4 packet.
const MAX_BATCH_BYTES: usize = 65_507;

/// A batch of datagrams of one destination, source and size, of which the last may be shorter: what
/// one send with segmentation offload (UDP_SEGMENT, Linux 4.18) takes.
#[derive(Debug)]
pub(super) struct Outbox {
    buffer: Box<[u8]>,
    /// The part of the buffer that was neither sent nor dropped.
    unsent: Range<usize>,
    /// The first datagram of the batch, whose addresses and size all have.
    head: Option<Transmit<()>>,
    count: usize,
    /// The last datagram is shorter, so no other can follow it.
    is_ended: bool,
    /// A datagram after the batch in the buffer that doesn't belong to it.
    odd: Option<Transmit<()>>,
}

/// The argument of one send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// The size of each datagram but the last, if there are several.
    pub(super) segment: Option<usize>,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// The result of the sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flushed {
    /// Datagrams that the kernel took.
    pub(super) sent: u64,
    /// Datagrams that it refused for good.
    pub(super) refused: u64,
    /// The socket has no room for the rest, which is kept.
    pub(super) is_blocked: bool,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            // A datagram is written before it is known whether it still fits the batch.
            buffer: vec![0; MAX_BATCH_BYTES + MAX_UDP_PAYLOAD_BYTES].into_boxed_slice(),
            unsent: 0..0,
            head: None,
            count: 0,
            is_ended: false,
            odd: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Polls datagrams until the batch is full, has `most` of them, or there is none. Returns
    /// whether there was none.
    pub(super) fn fill(
        &mut self,
        most: usize,
        mut poll: impl FnMut(&mut [u8]) -> Option<Transmit<()>>,
    ) -> bool {
        while self.has_room(most) {
            let Some(out) = self.buffer.get_mut(self.unsent.end..) else {
                return false;
            };
            let room = out.len();
            let Some(transmit) = poll(out) else {
                return true;
            };
            if transmit.len <= room && transmit.len > 0 {
                self.add(transmit);
            }
        }
        false
    }

    fn has_room(&self, most: usize) -> bool {
        // A batch that was partly sent takes no more.
        let is_open = self.odd.is_none() && !self.is_ended && self.unsent.start == 0;
        is_open
            && match &self.head {
                None => true,
                Some(head) => self.count < most && self.unsent.end + head.len <= MAX_BATCH_BYTES,
            }
    }

    /// Adds the datagram that was written after the batch.
    fn add(&mut self, transmit: Transmit<()>) {
        match &self.head {
            None => self.head = Some(transmit),
            Some(head) => {
                let is_alike = (head.from, head.to) == (transmit.from, transmit.to);
                if !is_alike || transmit.len > head.len {
                    self.odd = Some(transmit);
                    return;
                }
                self.is_ended = transmit.len < head.len;
            }
        }
        self.unsent.end += transmit.len;
        self.count += 1;
    }

    /// Sends the batch, at most `most` datagrams per call. The odd datagram begins the next batch.
    pub(super) fn flush(
        &mut self,
        mut most: usize,
        mut send: impl FnMut(Piece<'_>) -> io::Result<()>,
    ) -> Flushed {
        let mut flushed = Flushed::default();
        while let Some(piece) = self.piece(most) {
            let (len, count) = (piece.bytes.len(), datagrams(&piece));
            match send(piece) {
                Ok(()) => flushed.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    flushed.is_blocked = true;
                    return flushed;
                }
                Err(error) if count > 1 && is_of_segments(&error) => {
                    most = 1;
                    continue;
                }
                // To QUIC it is lost, as if dropped on the path.
                Err(_) => flushed.refused += count,
            }
            self.unsent.start += len;
        }
        self.turn_page();
        flushed
    }

    fn piece(&self, most: usize) -> Option<Piece<'_>> {
        let head = self.head.as_ref()?;
        let unsent = self.buffer.get(self.unsent.clone())?;
        let len = unsent.len().min(most.max(1).saturating_mul(head.len));
        let bytes = unsent.get(..len).filter(|bytes| !bytes.is_empty())?;
        Some(Piece {
            bytes,
            segment: (len > head.len).then_some(head.len),
            from: head.from,
            to: head.to,
        })
    }

    fn turn_page(&mut self) {
        let behind = self.unsent.end;
        self.head = self.odd.take();
        let len = self.head.as_ref().map_or(0, |head| head.len);
        self.buffer.copy_within(behind..behind + len, 0);
        self.unsent = 0..len;
        self.count = self.head.iter().len();
        self.is_ended = false;
    }
}

fn datagrams(piece: &Piece<'_>) -> u64 {
    let count = piece
        .segment
        .map_or(1, |size| piece.bytes.len().div_ceil(size));
    count as u64
}

/// Whether a send may have failed because of its segmentation: the route has IPsec or, in older
/// kernels, no checksum offload (EIO), or the segments now exceed the MTU (EMSGSIZE, in older
/// kernels EINVAL).
fn is_of_segments(error: &io::Error) -> bool {
    let of_segments = [Errno::IO, Errno::INVAL, Errno::MSGSIZE];
    Errno::from_io_error(error).is_some_and(|errno| of_segments.contains(&errno))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// Fills an outbox with datagrams of these sizes to these ports, and sends each batch by
    /// `send`, which is given the sizes of its datagrams, their port, and how often it was called.
    fn deliver(
        datagrams: &[(usize, u16)],
        most: usize,
        mut send: impl FnMut(&[usize], u16, usize) -> io::Result<()>,
    ) -> Flushed {
        let mut waiting: VecDeque<_> = datagrams.iter().copied().enumerate().collect();
        let (mut outbox, mut total, mut calls) = (Outbox::new(), Flushed::default(), 0);
        loop {
            let is_exhausted = outbox.fill(most, |out| {
                let (number, (len, port)) = waiting.pop_front()?;
                out[..len].fill(number as u8);
                let (from, to) = (address(1), address(port));
                Some(Transmit {
                    len,
                    from,
                    to,
                    link: (),
                })
            });
            let flushed = outbox.flush(most, |piece| {
                calls += 1;
                let size = piece.segment.unwrap_or(piece.bytes.len());
                let sizes: Vec<_> = piece.bytes.chunks(size).map(<[u8]>::len).collect();
                // Each datagram is whole: its bytes are its number.
                assert!(
                    piece
                        .bytes
                        .chunks(size)
                        .all(|datagram| datagram.iter().all(|byte| *byte == datagram[0]))
                );
                send(&sizes, piece.to.port(), calls)
            });
            total.sent += flushed.sent;
            total.refused += flushed.refused;
            if is_exhausted && outbox.is_empty() {
                return total;
            }
        }
    }

    #[test]
    fn a_batch_is_of_one_destination_and_size_and_a_shorter_one_ends_it() {
        let datagrams = [
            (1200, 7),
            (1200, 7),
            (900, 7),
            (900, 7),
            (1200, 7),
            (1200, 8),
            (1200, 8),
            (50, 8),
        ];
        let mut batches = Vec::new();
        let total = deliver(&datagrams, 64, |sizes, port, _| {
            batches.push((sizes.to_vec(), port));
            Ok(())
        });
        assert_eq!((total.sent, total.refused), (8, 0));
        assert_eq!(
            batches,
            [
                (vec![1200, 1200, 900], 7),
                (vec![900], 7),
                (vec![1200], 7),
                (vec![1200, 1200, 50], 8),
            ]
        );
    }

    #[test]
    fn a_batch_has_no_more_datagrams_and_bytes_than_one_send_takes() {
        let mut counts = Vec::new();
        let mut sizes_of = |datagrams: &[(usize, u16)], most| {
            counts.clear();
            deliver(datagrams, most, |sizes, _, _| {
                counts.push(sizes.len());
                Ok(())
            });
            counts.clone()
        };
        assert_eq!(sizes_of(&[(100, 7); 130], 64), [64, 64, 2]);
        assert_eq!(sizes_of(&[(1472, 7); 100], 64), [44, 44, 12]);
        assert_eq!(sizes_of(&[(16_383, 7); 9], 64), [3, 3, 3]);
        assert_eq!(sizes_of(&[(1200, 7); 3], 1), [1, 1, 1]);
    }

    #[test]
    fn what_finds_no_room_is_sent_later_and_in_order() {
        let datagrams: Vec<_> = (0..40).map(|number| (1000 + number % 3, 7)).collect();
        let mut sent = Vec::new();
        let total = deliver(&datagrams, 64, |sizes, _, call| {
            if call % 3 != 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            sent.extend_from_slice(sizes);
            Ok(())
        });
        assert_eq!((total.sent, total.refused), (40, 0));
        let all: Vec<_> = datagrams.iter().map(|(len, _)| *len).collect();
        assert_eq!(sent, all);
    }

    #[test]
    fn segments_that_do_not_go_together_go_alone_and_one_that_does_not_go_is_dropped() {
        let refusal = |errno: Errno| io::Error::from(errno);
        for errno in [Errno::IO, Errno::INVAL, Errno::MSGSIZE] {
            let total = deliver(&[(1200, 7); 10], 64, |sizes, _, call| match sizes.len() {
                1 if call == 4 => Err(refusal(errno)),
                1 => Ok(()),
                _ => Err(refusal(errno)),
            });
            assert_eq!((total.sent, total.refused), (9, 1), "{errno}");
        }
        let mut calls = 0;
        let total = deliver(&[(1200, 7); 10], 64, |_, _, _| {
            calls += 1;
            Err(refusal(Errno::PERM))
        });
        assert_eq!((total.sent, total.refused, calls), (0, 10, 1));
    }
}
