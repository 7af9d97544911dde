//! Operations on rings. Any bytes are a list of them, so most of these are bytes drawn at random, from few to many; the
//! fuzzer finds out what they mean. A few are written out: what a kernel is known to do, which chance seldom comes to.

const COUNT: usize = 16;

/// Bytes from a generator of 64 bits (xorshift), the same every time.
pub(super) fn random(first: u64) -> Vec<(String, Vec<u8>)> {
    let mut state = first;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let mut list = |at: usize| {
        let bytes = (0..(at + 1) * 48).map(|_| next()).collect();
        (format!("random-{at:02}"), bytes)
    };
    (0..COUNT).map(&mut list).collect()
}

// The bytes that `xskit_model` makes its worlds and steps of: a number that chooses, and what the choice takes.

/// Four rings of 8 slots whose words start at zero, 4 frames lent of as many, zero-copy mode.
const WORLD: &[u8] = &[3, 0, 3, 0, 3, 0, 3, 0, 1, 4, 3, 1, 0];

/// The same with 8 frames.
const LARGER: &[u8] = &[3, 0, 3, 0, 3, 0, 3, 0, 1, 4, 7, 1, 0];

/// Two sockets over 8 frames, of which 3 are lent by each.
const TWO: &[u8] = &[3, 0, 3, 0, 3, 0, 3, 0, 1, 3, 7, 1, 2];

const RECEIVE_ALL: &[u8] = &[31, 7, 7, 0];
const REFILL: &[u8] = &[40];
const ACCOUNTING: &[u8] = &[62];
const FLUSH: &[u8] = &[54, 0];

/// What a kernel does that keeps to the rules, on a world without the hostile part.
pub(super) fn honest() -> Vec<(String, Vec<u8>)> {
    // `KernelDeliversEarly`, 2 packets of 61 bytes from byte 257 on.
    let early: &[u8] = &[94, 2, 3, 1, 0, 3, 0, 60];
    let settle: &[u8] = &[96];
    let forget: &[u8] = &[39, 2, 0];
    // A silent wait in which nothing comes, and one that has the kernel look.
    let sleep: &[u8] = &[92, 1, 0, 0];
    let poll: &[u8] = &[92, 0, 0, 2, 1];
    let wants_wake: &[u8] = &[91, 1];
    let shown_first = [
        WORLD,
        early,
        RECEIVE_ALL,
        ACCOUNTING,
        settle,
        RECEIVE_ALL,
        REFILL,
        early,
        forget,
        early,
        RECEIVE_ALL,
        settle,
        RECEIVE_ALL,
    ];
    // `Burst` of 2 packets, of which the kernel takes none by itself.
    let burst: &[u8] = &[26, 2];
    let calls = [
        LARGER,
        wants_wake,
        burst,
        FLUSH,
        FLUSH,
        sleep,
        FLUSH,
        burst,
        poll,
        FLUSH,
        early,
        settle,
        RECEIVE_ALL,
        REFILL,
        FLUSH,
        FLUSH,
        sleep,
        FLUSH,
    ];
    // Two packets come by one socket, are held, and leave by the other.
    let switch: &[u8] = &[98];
    let receive_and_hold: &[u8] = &[31, 7, 7, 1];
    let send: &[u8] = &[17, 0];
    let flush_all: &[u8] = &[54, 2, 7];
    let complete_all: &[u8] = &[70, 0, 7];
    let reap: &[u8] = &[44];
    let forwarded = [
        TWO,
        early,
        settle,
        receive_and_hold,
        switch,
        send,
        send,
        flush_all,
        complete_all,
        ACCOUNTING,
        reap,
        switch,
        REFILL,
        ACCOUNTING,
    ];
    vec![
        ("shown-before-taken".to_owned(), shown_first.concat()),
        ("kicked-and-slept".to_owned(), calls.concat()),
        ("forwarded".to_owned(), forwarded.concat()),
    ]
}

/// A kernel that gives back by one socket what it has by the other, and then by the right one.
pub(super) fn neighbours() -> Vec<(String, Vec<u8>)> {
    let together: &[u8] = &[1];
    let switch: &[u8] = &[31];
    let take_two: &[u8] = &[30, 0, 2];
    let burst: &[u8] = &[0, 26, 1];
    let flush = [&[0], FLUSH].concat();
    let receive = [&[0], RECEIVE_ALL].concat();
    let reap: &[u8] = &[0, 44];
    // `Show`, 60 bytes long, in the first frame lent and in the one sent, by the other socket and by this.
    let other_lent: &[u8] = &[19, 0, 12, 2, 0, 0, 0, 2, 0, 60, 3];
    let other_sent: &[u8] = &[19, 1, 12, 2, 0, 0, 3, 2, 0, 60, 3];
    let lent: &[u8] = &[19, 0, 8, 2, 0, 0, 0, 2, 0, 60, 3];
    let sent: &[u8] = &[19, 1, 13, 2, 0, 0, 0, 2, 0, 60, 3];
    let steps = [
        TWO, together, take_two, switch, take_two, burst, &flush, switch, other_lent, &receive,
        other_sent, reap, switch, lent, &receive, sent, reap,
    ];
    vec![("by-the-other-socket".to_owned(), steps.concat())]
}

/// What igb's zero-copy driver does when its fill ring ran dry: old frames come again, also once they were lent anew.
pub(super) fn igb() -> Vec<(String, Vec<u8>)> {
    // No ring's words are apart.
    let together: &[u8] = &[1];
    let receive = [&[0], RECEIVE_ALL].concat();
    let refill = [&[0], REFILL].concat();
    let take_two: &[u8] = &[30, 0, 2];
    // `Show` on the RX ring, 60 bytes long: in a frame that was taken, and as the last.
    let fresh: &[u8] = &[19, 0, 8, 2, 0, 0, 0, 2, 0, 60, 3];
    let again: &[u8] = &[19, 0, 1, 0, 2, 0, 60, 3];
    let take_one: &[u8] = &[30, 0, 1];
    // It is received, and comes again when it is no longer lent.
    let mut steps = vec![WORLD, together, take_two, fresh, &receive, again, &receive];
    // It is lent anew, and comes while it stands on the fill ring: it has to wait, and is bad once
    // more was shown.
    steps.extend([&refill[..], again, &receive, again, &receive]);
    // It is taken: the second of those is good, and one more is not.
    steps.extend([take_two, take_one, again, &receive]);
    vec![("returned-again".to_owned(), steps.concat())]
}
