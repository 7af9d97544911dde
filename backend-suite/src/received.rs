//! A socket that was created elsewhere, by its descriptor.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use xskit_core::backend::{Backend, RingKind, SetOption};
use xskit_core::socket::Step;
use xskit_core::umem::FrameSlot;
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_rustix::{DescriptorError, RustixBackend, create_descriptor};

use crate::RealBackend;
use crate::fixture::{self, Bed, umem};

/// Few: without CAP_IPC_LOCK those of all concurrent tests count against RLIMIT_MEMLOCK.
const FRAMES: usize = 128;

/// How the backend adopts a descriptor.
pub trait Adopt<B: Backend>: Fn(&B, OwnedFd) -> Result<B::Socket, DescriptorError> + Sync {}

impl<B: Backend, F: Fn(&B, OwnedFd) -> Result<B::Socket, DescriptorError> + Sync> Adopt<B> for F {}

/// A descriptor that is not an AF_XDP socket, or was used before, is refused, and the error says
/// what it is.
pub fn a_descriptor_of_anything_else_is_refused_and_named<B: RealBackend>(
    bed: Bed<'_, B>,
    adopt: impl Adopt<B>,
) {
    let second = &bed.pair.second;
    let in_second = || refuse(bed.make, &adopt, second.link.index);
    second.run(in_second).expect("in the second host");
}

fn refuse<B: RealBackend>(make: &dyn Fn() -> B, adopt: &impl Adopt<B>, ifindex: u32) {
    let backend = make();
    let refused = |descriptor: OwnedFd, words: &str| {
        let error = adopt(&backend, descriptor).map(drop).expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
        error
    };
    let file = File::open("/dev/null").expect("a file");
    let errno = Errno(libc::ENOTSOCK);
    let error = refused(file.into(), "not a socket");
    assert_eq!(error, DescriptorError::NotSocket { errno });
    let other = UdpSocket::bind("[::]:0").expect("a socket");
    let error = refused(other.into(), "AF_XDP (44)");
    let family = libc::AF_INET6 as u16;
    assert_eq!(error, DescriptorError::OtherFamily { family });

    let [mut slots, mut others, mut more] = [(); 3].map(|()| vec![FrameSlot::new(); FRAMES]);
    let (umem, other, third) = (umem(&mut slots), umem(&mut others), umem(&mut more));
    let config = fixture::config(ifindex);
    let descriptor = create_descriptor().expect("a socket");
    let duplicate = || descriptor.try_clone().expect("a duplicate");
    let [one, two] = [(); 2].map(|()| adopt(&backend, duplicate()).expect("not used yet"));
    let socket = Socket::open_from(&backend, &umem, one, &config).expect("a socket");
    let error = Socket::open_from(&backend, &other, two, &config).expect_err("used");
    assert_eq!((error.step, error.errno), (Step::Register, Errno::EBUSY));
    assert!(error.to_string().contains("has a UMEM"), "{error}");
    let error = refused(duplicate(), "is bound already");
    assert_eq!(error, DescriptorError::Bound);
    drop((descriptor, socket));

    // After an opening that fails at its last step the duplicate has a UMEM.
    let descriptor = create_descriptor().expect("a socket");
    let handle = descriptor.try_clone().expect("a duplicate");
    let handle = adopt(&backend, handle).expect("not used yet");
    let nowhere = SocketConfig::new(ifindex, 9);
    let error = Socket::open_from(&backend, &other, handle, &nowhere).expect_err("no queue 9");
    assert!(matches!(error.step, Step::Bind { .. }), "{error}");
    let error = refused(descriptor, "has a UMEM already");
    assert_eq!(error, DescriptorError::HasUmem);

    // Rings alone are noticed only when they are sized.
    let descriptor = create_descriptor().expect("a socket");
    let direct = RustixBackend::new();
    let size = SetOption::RingSize(RingKind::Rx, config.rx.slots());
    direct.set_option(&descriptor, size).expect("sized");
    let handle = adopt(&backend, descriptor).expect("no UMEM");
    let error = Socket::open_from(&backend, &third, handle, &config).expect_err("used");
    assert_eq!(error.step, Step::Size(RingKind::Rx));
    assert!(error.to_string().contains("has rings"), "{error}");
    for umem in [other, third] {
        assert_eq!(umem.free() as usize, FRAMES, "{:?}", umem.census());
    }
}
