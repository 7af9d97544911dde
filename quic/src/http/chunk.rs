//! `ChunkPool`: file bytes in memory, read in chunks and counted until the peer has acknowledged
//! them.
//!
//! A chunk is read directly into the buffer that quiche sends from. The buffer is freed with its
//! last slice: when its bytes are acknowledged or the stream is gone. So the counts are what file
//! serving really holds, quiche's send buffers included.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustix::io::Errno;

/// The largest read from a file: large enough to make system calls negligible, small enough to stay
/// in the processor's cache until it is sent.
pub(crate) const CHUNK_BYTES: usize = 128 << 10;

/// The smallest read, when many transfers share a connection's allowance.
pub(crate) const MIN_READ_BYTES: usize = 16 << 10;

/// Buffers kept for reuse.
const POOLED_CHUNKS: usize = 64;

/// The buffers of one server, which are reused.
#[derive(Debug, Default)]
pub(crate) struct ChunkPool {
    free: Mutex<Vec<Vec<u8>>>,
    held: Ledger,
}

/// A count of bytes held in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<AtomicUsize>);

impl Ledger {
    /// Bytes held now. The count orders no other memory, so relaxed operations are enough.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A buffer with file bytes; `Bytes` frees it with its last slice.
struct Chunk {
    data: Vec<u8>,
    pool: Arc<ChunkPool>,
    ledger: Ledger,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.ledger.subtract(data.capacity());
        self.pool.held.subtract(data.capacity());
        self.pool.put_back(data);
    }
}

impl ChunkPool {
    /// File bytes that the whole server holds.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Reads up to `want` bytes (at most a chunk) at `offset`. Empty at the end of the file. The
    /// bytes are also counted in `ledger` until they are dropped.
    pub(crate) fn read(
        self: &Arc<Self>,
        ledger: &Ledger,
        file: BorrowedFd<'_>,
        offset: u64,
        want: usize,
    ) -> Result<Bytes, Errno> {
        let want = want.clamp(1, CHUNK_BYTES);
        let data = self.take(want);
        ledger.add(data.capacity());
        self.held.add(data.capacity());
        let mut chunk = Chunk {
            data,
            pool: Arc::clone(self),
            ledger: ledger.clone(),
        };
        loop {
            let spare = rustix::buffer::spare_capacity(&mut chunk.data);
            match rustix::io::pread(file, spare, offset) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        // The spare capacity may be larger than `want`.
        chunk.data.truncate(want);
        Ok(Bytes::from_owner(chunk))
    }

    /// An empty buffer: from the pool for a large read, of the exact size for a small one, so that
    /// many small files don't hold a chunk each.
    fn take(&self, want: usize) -> Vec<u8> {
        if want <= CHUNK_BYTES / 4 {
            return Vec::with_capacity(want);
        }
        let pooled = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        pooled.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES))
    }

    fn put_back(&self, mut data: Vec<u8>) {
        if data.capacity() < CHUNK_BYTES {
            return;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < POOLED_CHUNKS {
            data.clear();
            free.push(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn bytes_count_until_the_last_slice_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, vec![5; 3 * CHUNK_BYTES]).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let (pool, ledger) = (Arc::new(ChunkPool::default()), Ledger::default());

        let big = pool.read(&ledger, file.as_fd(), 10, usize::MAX).unwrap();
        assert_eq!(big.len(), CHUNK_BYTES);
        let small = pool.read(&ledger, file.as_fd(), 0, 100).unwrap();
        assert_eq!(small.len(), 100);
        let held = ledger.bytes();
        assert_eq!(held, pool.held_bytes());
        assert!(
            (CHUNK_BYTES + 100..CHUNK_BYTES + 1000).contains(&held),
            "{held}"
        );

        let slice = big.slice(7..9);
        drop((big, small));
        assert_eq!(ledger.bytes(), CHUNK_BYTES);
        drop(slice);
        assert_eq!((ledger.bytes(), pool.held_bytes()), (0, 0));

        let address = |bytes: &Bytes| bytes.as_ptr() as usize;
        let again = pool.read(&ledger, file.as_fd(), 0, CHUNK_BYTES).unwrap();
        let first = address(&again);
        drop(again);
        let again = pool.read(&ledger, file.as_fd(), 0, CHUNK_BYTES).unwrap();
        assert_eq!(first, address(&again), "a freed chunk is used again");
    }

    #[test]
    fn the_end_of_the_file_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let (pool, ledger) = (Arc::new(ChunkPool::default()), Ledger::default());
        let read = |offset| pool.read(&ledger, file.as_fd(), offset, 10).unwrap();
        assert_eq!(&read(1)[..], b"bc");
        assert!(read(3).is_empty());
        assert!(read(99).is_empty());
    }
}
