//! A UMEM before any socket, and the ranges of its frames.

use xskit_core::sim::HeapMemory;
use xskit_core::umem::{Frame, FrameSize, FrameSlot, RangeError, Umem, UmemError};

use super::{FRAME, umem};

/// Moves one end of a frame's range.
type Move<'u> = fn(&mut Frame<'u>, usize) -> Result<(), RangeError>;

#[test]
fn a_umem_needs_a_frame_and_a_store_large_enough() {
    let mut slots = vec![FrameSlot::new(); 2];
    let size = FrameSize::new(65536).expect("a page of some machine");
    let error = Umem::new(HeapMemory::new(4096), &mut slots, size).expect_err("too small");
    assert_eq!(error, UmemError::NoFrame { size });
    let error = Umem::new(HeapMemory::new(3 * FRAME), &mut slots, FrameSize::DEFAULT);
    assert_eq!(
        error.err(),
        Some(UmemError::TooManyFrames {
            frames: 3,
            slots: 2
        })
    );
    for wrong in [0, 1024, 3000, 1 << 17] {
        assert!(FrameSize::new(wrong).is_err());
    }
}

#[test]
fn ranges_stay_inside_the_frame() {
    let mut slots = vec![FrameSlot::new(); 1];
    let umem = umem(&mut slots);
    let mut frame = umem.alloc().expect("a frame");
    assert!(umem.alloc().is_none());
    assert!(frame.is_empty());
    frame.set_range(4000..4096).expect("up to the end");
    assert!(frame.set_range(4000..4097).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
    let backwards = 10..5;
    assert!(frame.set_range(backwards).is_err());
    assert_eq!(frame.range(), 4000..4096);
    assert_eq!(frame.buffer_mut().len(), FRAME);
}

#[test]
fn both_ends_of_a_frame_move_as_far_as_the_frame_and_the_packet_go() {
    let mut slots = vec![FrameSlot::new(); 2];
    let umem = umem(&mut slots);
    let _first = umem
        .alloc()
        .expect("a frame before it, whose bytes are not its own");
    let mut frame = umem.alloc().expect("a frame");
    for (cut, grow) in [
        (
            Frame::shrink_front as Move<'_>,
            Frame::grow_front as Move<'_>,
        ),
        (Frame::shrink_back, Frame::grow_back),
    ] {
        for range in [
            0..0,
            0..FRAME,
            0..10,
            100..160,
            FRAME - 7..FRAME,
            FRAME..FRAME,
        ] {
            frame.set_range(range.clone()).expect("inside the frame");
            for too_many in [range.len() + 1, FRAME + 1, u32::MAX as usize, usize::MAX] {
                assert!(cut(&mut frame, too_many).is_err(), "{range:?} {too_many}");
            }
            assert_eq!(frame.range(), range, "left alone");
            cut(&mut frame, range.len()).expect("all of it");
            assert!(frame.is_empty());
            grow(&mut frame, range.len()).expect("back again");
            assert_eq!(frame.range(), range);
        }
        frame.set_range(100..FRAME - 100).expect("inside the frame");
        for too_many in [101, FRAME, u32::MAX as usize, usize::MAX] {
            assert!(grow(&mut frame, too_many).is_err(), "{too_many}");
        }
        assert_eq!(frame.range(), 100..FRAME - 100);
        grow(&mut frame, 100).expect("to the end of the frame");
        cut(&mut frame, FRAME - 200).expect("to the last 100 bytes");
    }
    assert_eq!(frame.range(), 100..200);
    for len in [usize::MAX, FRAME, 101, 100] {
        frame.truncate(len);
        assert_eq!(frame.range(), 100..200, "{len}");
    }
    frame.truncate(7);
    assert_eq!(frame.range(), 100..107);
}
