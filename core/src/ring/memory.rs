//! A ring's memory: the only file of the rings that turns addresses into references.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;
use core::slice;

use super::sync::AtomicU32;
use super::{Cursor, RingSize, Slot};
use crate::abi::RingOffset;

/// The words and the slots of one ring, shared with a peer for `'m`.
///
/// Pointers rather than references, since a mapping may end before the last copy of this does;
/// `'m` keeps them from being followed after that.
#[derive(Debug)]
pub struct RingMemory<'m, S> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    /// The first of `size.slots()` slots.
    slots: NonNull<S>,
    size: RingSize,
    /// `size.slots() - 1`, at hand for every slot.
    mask: u32,
    shared: PhantomData<(&'m AtomicU32, &'m S)>,
}

impl<S> Clone for RingMemory<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for RingMemory<'_, S> {}

impl<'m, S: Slot> RingMemory<'m, S> {
    /// A ring over words and slots that the caller already holds.
    ///
    /// # Errors
    /// [`LayoutError::Slots`] if the number of slots is not a power of two up to
    /// [`RingSize::MAX`](super::RingSize::MAX).
    pub fn new(
        producer: &'m AtomicU32,
        consumer: &'m AtomicU32,
        flags: &'m AtomicU32,
        slots: &'m [S],
    ) -> Result<Self, LayoutError> {
        let count = u32::try_from(slots.len()).map_err(|_| LayoutError::Slots)?;
        let size = RingSize::new(count).map_err(|_| LayoutError::Slots)?;
        Ok(Self {
            producer: NonNull::from(producer),
            consumer: NonNull::from(consumer),
            flags: NonNull::from(flags),
            slots: NonNull::from(slots).cast(),
            size,
            mask: size.mask(),
            shared: PhantomData,
        })
    }

    /// The number of bytes to map for a ring of this layout.
    #[must_use]
    pub const fn len_bytes(offsets: &RingOffset, size: RingSize) -> usize {
        (offsets.desc as usize).saturating_add(size.slots() as usize * size_of::<S>())
    }

    /// A ring inside a mapping, with the layout that the kernel reported (`XDP_MMAP_OFFSETS`).
    ///
    /// # Errors
    /// [`LayoutError::Misaligned`] if an offset is misaligned, [`LayoutError::OutOfBounds`] if one
    /// leads out of the mapping.
    ///
    /// # Safety
    /// `base` must point to `len_bytes` initialised bytes that stay mapped, readable and writable
    /// until the last use of the ring within `'m`, and that this process touches through atomics
    /// only. If a kernel follows the numbers on the ring, whoever pushes them must own the frames
    /// that they name.
    pub unsafe fn from_map(
        base: NonNull<u8>,
        len_bytes: usize,
        offsets: &RingOffset,
        size: RingSize,
    ) -> Result<Self, LayoutError> {
        if cfg!(loom) {
            // Loom's atomics are larger than the words, so they cannot lie over mapped memory.
            return Err(LayoutError::OutOfBounds);
        }
        let word = |offset| part::<AtomicU32>(base, len_bytes, offset, 1);
        Ok(Self {
            producer: word(offsets.producer)?,
            consumer: word(offsets.consumer)?,
            flags: word(offsets.flags)?,
            slots: part::<S>(base, len_bytes, offsets.desc, size.slots() as usize)?,
            size,
            mask: size.mask(),
            shared: PhantomData,
        })
    }

    /// How many slots there are.
    #[must_use]
    #[inline]
    pub const fn size(&self) -> RingSize {
        self.size
    }

    /// The producer's word.
    #[inline]
    pub(super) fn producer(&self) -> &AtomicU32 {
        // SAFETY: bounds and alignment: checked by `part`, or those of the reference given to
        // `new`; lifetime: the ring is used only while mapped, as both constructors ask;
        // aliasing: an atomic, shared by design.
        unsafe { self.producer.as_ref() }
    }

    /// The consumer's word.
    #[inline]
    pub(super) fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.consumer.as_ref() }
    }

    /// The flags word.
    #[inline]
    pub(crate) fn flags(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.flags.as_ref() }
    }

    /// The slot that `cursor` points to.
    #[inline]
    pub(super) fn slot(&self, cursor: Cursor) -> &S {
        // SAFETY: bounds: the masked cursor is less than `size.slots()`, and both constructors
        // hold that many slots; alignment, lifetime and aliasing: as for `producer`, slots being
        // made of atomics.
        unsafe { self.slots.add(cursor.slot(self.mask)).as_ref() }
    }

    /// The `count` slots from `first` on, if they lie in a row: `None` if they wrap around to the
    /// ring's first slot.
    #[inline]
    pub(super) fn row(&self, first: Cursor, count: usize) -> Option<&[S]> {
        let start = first.slot(self.mask);
        if count > self.size.slots() as usize - start {
            return None;
        }
        // SAFETY: bounds: `start + count` is at most `size.slots()`, and both constructors hold
        // that many slots in one piece; alignment, lifetime and aliasing: as for `slot`.
        Some(unsafe { slice::from_raw_parts(self.slots.as_ptr().add(start), count) })
    }
}

/// A pointer to `count` values of `T` at `offset`, checked to lie inside the mapping, aligned.
fn part<T>(
    base: NonNull<u8>,
    len_bytes: usize,
    offset: u64,
    count: usize,
) -> Result<NonNull<T>, LayoutError> {
    let start = usize::try_from(offset).map_err(|_| LayoutError::OutOfBounds)?;
    let size = count
        .checked_mul(size_of::<T>())
        .ok_or(LayoutError::OutOfBounds)?;
    let end = start.checked_add(size).ok_or(LayoutError::OutOfBounds)?;
    if end > len_bytes {
        return Err(LayoutError::OutOfBounds);
    }
    let pointer = base.as_ptr().wrapping_add(start).cast::<T>();
    if pointer.addr() % align_of::<T>() != 0 {
        return Err(LayoutError::Misaligned);
    }
    NonNull::new(pointer).ok_or(LayoutError::OutOfBounds)
}

/// A ring layout that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The number of slots is zero, not a power of two, or above
    /// [`RingSize::MAX`](super::RingSize::MAX).
    #[error("the number of ring slots is not a power of two from 1 to 1048576")]
    Slots,
    /// An offset leads out of the mapping.
    #[error("a ring offset leads out of the mapping")]
    OutOfBounds,
    /// An offset is not aligned for what lies there.
    #[error("a ring offset is misaligned")]
    Misaligned,
}

#[cfg(test)]
mod tests {
    use super::{LayoutError, RingMemory};
    use crate::abi::RingOffset;
    use crate::ring::{AddressSlot, RingSize};
    use core::ptr::NonNull;

    const OFFSETS: RingOffset = RingOffset {
        producer: 0,
        consumer: 64,
        flags: 128,
        desc: 192,
    };

    fn lay_out(offsets: RingOffset, len_bytes: usize) -> Result<u32, LayoutError> {
        let mut backing = [0u64; 64];
        let base = NonNull::from(&mut backing).cast();
        let size = RingSize::new(8).expect("a power of two");
        // SAFETY: `backing` outlives the ring, is initialised, and is used by nothing else.
        unsafe { RingMemory::<AddressSlot>::from_map(base, len_bytes, &offsets, size) }
            .map(|ring| ring.size().slots())
    }

    #[test]
    fn accepts_what_fits_exactly() {
        assert_eq!(lay_out(OFFSETS, 192 + 64), Ok(8));
    }

    #[test]
    fn refuses_offsets_that_lead_out() {
        assert_eq!(lay_out(OFFSETS, 192 + 63), Err(LayoutError::OutOfBounds));
        let far = RingOffset {
            consumer: u64::MAX,
            ..OFFSETS
        };
        assert_eq!(lay_out(far, 256), Err(LayoutError::OutOfBounds));
    }

    #[test]
    fn refuses_misaligned_words() {
        let odd = RingOffset {
            flags: 130,
            ..OFFSETS
        };
        assert_eq!(lay_out(odd, 256), Err(LayoutError::Misaligned));
    }
}
