//! The program's steps, on the real socket and on the oracle.

use std::mem;

use xskit_core::socket::{Reservation, SendError};

use super::World;
use crate::config::FRAME_BYTES;
use crate::difference::{Agreed, agree};
use crate::oracle::{Packet, Place};

impl<'u> World<'u> {
    pub(super) fn alloc(&mut self, len: u16) -> Agreed {
        let frame = self.umem.alloc();
        let should_be = self.oracle.alloc();
        agree(
            "frame out of the stash",
            frame.as_ref().map(|frame| frame.index()),
            should_be,
        )?;
        let Some(frame) = frame else { return Ok(()) };
        agree("range of a fresh frame", frame.range(), 0..0)?;
        self.held.push(frame);
        match len {
            0 => Ok(()),
            _ => self.write_to(self.held.len() - 1, 0, len),
        }
    }

    pub(super) fn write(&mut self, held: u8, start: u16, len: u16) -> Agreed {
        match self.oracle.held(held) {
            Some(held) => self.write_to(held, start, len),
            None => Ok(()),
        }
    }

    fn write_to(&mut self, held: usize, start: u16, len: u16) -> Agreed {
        let frame = &mut self.held[held];
        let range = usize::from(start)..usize::from(start) + usize::from(len);
        let is_set = frame.set_range(range.clone()).is_ok();
        let written = self.oracle.write(held, start, len);
        agree("range accepted", is_set, written.is_some())?;
        let Some(Packet { stamp, .. }) = written else {
            return Ok(());
        };
        let mut bytes = [0; FRAME_BYTES as usize];
        stamp.fill(&mut bytes);
        agree(
            "length of the whole frame",
            frame.buffer_mut().len(),
            bytes.len(),
        )?;
        frame.buffer_mut().fill(0);
        // The packet through its slice, the rest through the whole buffer.
        frame.copy_from_slice(&bytes[range.clone()]);
        let buffer = frame.buffer_mut();
        buffer[..range.start].copy_from_slice(&bytes[..range.start]);
        buffer[range.end..].copy_from_slice(&bytes[range.end..]);
        Ok(())
    }

    pub(super) fn send(&mut self, number: u8) -> Agreed {
        let (Some(held), Some(socket)) = (self.oracle.held(number), self.socket.as_mut()) else {
            return Ok(());
        };
        let sent = socket.send(self.held.remove(held));
        self.sent(held, sent)
    }

    /// Compares the outcome of sending a frame that was taken out of the held ones.
    fn sent(&mut self, held: usize, sent: Result<(), SendError<'u>>) -> Agreed {
        let sent = sent.map_err(|refused| {
            self.held.insert(held, refused.frame);
            refused.kind
        });
        agree("send", sent, self.oracle.send(held))
    }

    pub(super) fn burst(&mut self, count: u8) -> Agreed {
        // Taken out, so that its slots stay reserved while the rest of the world is in use.
        let Some(mut socket) = self.socket.take() else {
            return self.burst_from(None, count);
        };
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(count.into());
        let (slots, (sent, ..)) = (self.oracle.room().min(count.into()), self.oracle.counts());
        agree("slots reserved", reservation.len(), slots)?;
        self.burst_from(Some(&mut reservation), count)?;
        let used = self.oracle.counts().0 - sent;
        agree("slots left", reservation.len(), slots - used as u32)?;
        self.socket = Some(socket);
        Ok(())
    }

    fn burst_from(
        &mut self,
        mut reservation: Option<&mut Reservation<'_, 'u>>,
        count: u8,
    ) -> Agreed {
        let held = self.held.len();
        for _ in 0..count {
            self.alloc(60)?;
            if self.held.len() > held
                && let Some(reservation) = &mut reservation
            {
                let sent = reservation.send(self.held.remove(held));
                self.sent(held, sent)?;
            }
            if self.held.len() > held {
                // Full, or closed: the frame came back.
                drop(self.held.remove(held));
                self.oracle.drop_frame(held);
                break;
            }
        }
        Ok(())
    }

    pub(super) fn drop_frame(&mut self, number: u8) -> Agreed {
        if let Some(held) = self.oracle.held(number) {
            drop(self.held.remove(held));
            self.oracle.drop_frame(held);
        }
        Ok(())
    }

    pub(super) fn receive(&mut self, max: u8, take: u8, keep: bool) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let before = self.held.len();
        let (mut receiver, _) = socket.halves();
        self.held
            .extend(receiver.receive(max.into()).take(take.into()));
        self.received_since(before, max.min(take))?;
        if self.held.len() > before {
            self.oracle.release_rx();
        }
        if !keep {
            // Their contents are compared first.
            self.compare_held()?;
            for _ in before..self.held.len() {
                drop(self.held.remove(before));
                self.oracle.drop_frame(before);
            }
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, max: u8, take: u8) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let before = self.held.len();
        let (mut receiver, _) = socket.halves();
        let mut received = receiver.receive(max.into());
        self.held.extend(received.by_ref().take(take.into()));
        mem::forget(received);
        // If the iterator reached a descriptor that has to wait, that one and all after it go back
        // to the ring.
        let receivable = self.oracle.receivable();
        let on_ring = self.oracle.at(Place::RxRing).len();
        let is_put_back =
            usize::from(take) > receivable && usize::from(max).min(on_ring) > receivable;
        self.received_since(before, max.min(take))?;
        let taken = (self.held.len() - before) as u32;
        if !is_put_back {
            self.oracle.lose(u32::from(max) - taken);
        }
        Ok(())
    }

    /// Compares the frames held since then with those that should have come, at most `most`.
    fn received_since(&mut self, before: usize, most: u8) -> Agreed {
        let should_be: Vec<_> = (0..most).map_while(|_| self.oracle.receive()).collect();
        let received = self.held[before..].iter().map(|frame| frame.index());
        agree("frames received", received.collect(), should_be)
    }

    pub(super) fn refill(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        agree(
            "frames lent",
            socket.halves().0.refill(),
            self.oracle.refill(),
        )
    }

    pub(super) fn reap(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        agree(
            "frames reaped",
            socket.halves().1.reap(),
            self.oracle.reap(),
        )
    }

    pub(super) fn recycle(&mut self) -> Agreed {
        if let Some(socket) = self.socket.as_mut() {
            socket.recycle();
            self.oracle.reap();
            self.oracle.refill();
        }
        Ok(())
    }

    pub(super) fn room(&mut self, wanted: u8) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let wanted = u32::from(wanted);
        agree(
            "room",
            socket.halves().1.reserve(wanted).len(),
            self.oracle.room().min(wanted),
        )
    }

    pub(super) fn waiting(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let should_be = self.oracle.count(Place::TxRing);
        agree("packets waiting", socket.halves().1.waiting(), should_be)
    }

    pub(super) fn accounting(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let accounting = socket.accounting();
        agree("accounting", accounting, self.oracle.accounting())?;
        let is_whole = accounting.excess == 0;
        agree(
            "every frame is in one place",
            accounting.is_whole(),
            is_whole,
        )
    }
}
