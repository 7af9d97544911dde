//! What a socket and a UMEM say of where frames are.

use xskit_core::socket::Accounting;
use xskit_core::umem::Census;

#[test]
fn frames_are_whole_where_none_is_missing_and_no_ring_has_too_many() {
    let mut whole = Accounting::default();
    whole.stash = 1;
    whole.application = 2;
    whole.fill = 4;
    whole.rx = 8;
    whole.receiving = 16;
    whole.tx = 32;
    whole.completion = 64;
    whole.sending = 128;
    whole.elsewhere = 256;
    whole.retired = 512;
    whole.frames = 1023;
    assert!(whole.is_whole());
    let (mut missing, mut doubled) = (whole, whole);
    missing.frames = 1024;
    doubled.excess = 1;
    assert!(!missing.is_whole() && !doubled.is_whole());
}

#[test]
fn a_census_counts_every_owners_frames() {
    let mut census = Census::default();
    census.stash = 1;
    census.application = 2;
    census.receive = 4;
    census.transmit = 8;
    census.retired = 16;
    assert_eq!(census.total(), 31);
}
