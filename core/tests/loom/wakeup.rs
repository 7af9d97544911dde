//! NEED_WAKEUP: the kernel may sleep, and no work may wait for ever.
//!
//! The kernel's side is what its drivers do: while it works the flag is clear; when it finds no
//! more it sets the flag, looks once more, and sleeps. Between the two it needs a full barrier,
//! to which the fence of `needs_wakeup` is the other half: the store of either side is before its
//! load of the other's word, so that one of the two sees the other's.

use loom::sync::atomic::{Ordering, fence};
use loom::sync::{Arc, mpsc};
use xskit_core::abi::RING_NEED_WAKEUP;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer};

use crate::beside::spawn;
use crate::explore;
use crate::shared::{Numbered, Shared};

/// How many values are committed while the kernel falls asleep.
const VALUES: u64 = 2;

/// How many are committed to a kernel that falls asleep again and again.
const ROUNDS: u64 = 3;

/// The kernel works until it finds nothing, and goes to sleep; returns how many values it took.
fn work_until_asleep<S: Numbered>(shared: &Shared<S>, ring: &mut Consumer<'_, S>) -> u64 {
    let mut taken = 0;
    loop {
        shared.flags.store(0, Ordering::Relaxed);
        while let Some(value) = ring.pop() {
            S::number(value);
            taken += 1;
            ring.release();
        }
        shared.flags.store(RING_NEED_WAKEUP, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if ring.peek(1) == 0 {
            return taken;
        }
    }
}

/// Commits each value by itself and calls `kick` where a wake-up is asked for.
fn commit_each<S: Numbered>(ring: &mut Producer<'_, S>, values: u64, mut kick: impl FnMut(u64)) {
    for number in 1..=values {
        ring.push(S::value(number)).expect("room");
        ring.commit();
        if ring.needs_wakeup() {
            kick(number);
        }
    }
}

/// The kernel falls asleep while we commit: it has seen everything, or we are told to wake it.
fn falling_asleep<S: Numbered>() {
    let outcomes = explore("falling asleep, (taken, asked to wake it)", || {
        let shared = Shared::<S>::new(2);
        let mut ring = shared.producing();
        let kernel = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut ring = shared.consuming();
                ready.set();
                work_until_asleep(&shared, &mut ring)
            }
        });
        let mut asked_after = 0;
        commit_each(&mut ring, VALUES, |number| asked_after = number);
        let taken = kernel.join().expect("the kernel");
        let asked = asked_after == VALUES;
        assert!(
            taken == VALUES || asked,
            "the kernel sleeps, {} values wait, and no wake-up was asked for",
            VALUES - taken
        );
        (taken, asked)
    });
    assert!(outcomes.contains(&(VALUES, false)) && outcomes.contains(&(0, true)));
}

/// What wakes a sleeping kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bell {
    Kick,
    /// The end of the test: the kernel doesn't look at the ring again.
    End,
}

/// The kernel sleeps, is woken, clears the flag and may fall asleep again, any number of times: in
/// the end it has everything, with no other call than those that were asked for.
fn waking_up<S: Numbered>() {
    let kicks = explore("waking up, kicks", || {
        let shared = Shared::<S>::new(4);
        shared.flags.store(RING_NEED_WAKEUP, Ordering::Relaxed);
        let (bell, heard) = mpsc::channel();
        let mut ring = shared.producing();
        let kernel = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut ring = shared.consuming();
                ready.set();
                let mut taken = 0;
                while heard.recv() == Ok(Bell::Kick) {
                    taken += work_until_asleep(&shared, &mut ring);
                }
                taken
            }
        });
        let mut kicks = 0;
        commit_each(&mut ring, ROUNDS, |_| {
            kicks += 1;
            bell.send(Bell::Kick).expect("the kernel listens");
        });
        bell.send(Bell::End).expect("the kernel listens");
        let taken = kernel.join().expect("the kernel");
        assert_eq!(taken, ROUNDS, "the kernel sleeps, and values wait");
        kicks
    });
    assert_eq!(kicks, (1..=ROUNDS).collect());
}

/// The kernel has woken and goes on working: once we see that it took something, we are no more
/// told to wake it.
fn at_work<S: Numbered>() {
    let seen = explore("at work, seen to be", || {
        let shared = Shared::<S>::holding(2, 1);
        shared.flags.store(RING_NEED_WAKEUP, Ordering::Relaxed);
        let mut ring = shared.producing();
        let kernel = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut ring = shared.consuming();
                ready.set();
                shared.flags.store(0, Ordering::Relaxed);
                assert!(ring.pop().is_some());
                ring.release();
            }
        });
        let seen = ring.outstanding() == 0;
        if seen {
            ring.push(S::value(2)).expect("room");
            ring.commit();
            assert!(!ring.needs_wakeup(), "a wake-up for a kernel at work");
        }
        kernel.join().expect("the kernel");
        seen
    });
    assert_eq!(seen, [false, true].into());
}

#[test]
fn a_kernel_falling_asleep_sees_what_was_filled_or_is_woken() {
    falling_asleep::<AddressSlot>();
}

#[test]
fn a_kernel_falling_asleep_sees_what_was_sent_or_is_woken() {
    falling_asleep::<DescSlot>();
}

#[test]
fn a_kernel_that_was_woken_gets_all_that_was_filled() {
    waking_up::<AddressSlot>();
}

#[test]
fn a_kernel_that_was_woken_gets_all_that_was_sent() {
    waking_up::<DescSlot>();
}

#[test]
fn a_kernel_at_work_is_not_woken() {
    at_work::<DescSlot>();
}
