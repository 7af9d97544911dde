//! Nothing is left open or mapped, however often a queue is bound. Alone in its process, since it
//! counts the process's descriptors.

use xskit_core::umem::{FrameSize, FrameStore, Umem};
use xskit_core::{Socket, SocketConfig};
use xskit_net::{HostPair, HostPairConfig, privilege};
use xskit_rustix::{MmapMemory, RustixBackend};

const FRAMES: usize = 1024;

#[test]
fn a_queue_can_be_bound_again_right_after_it_was_closed() {
    if !privilege::require_net_admin("a_queue_can_be_bound_again_right_after_it_was_closed") {
        return;
    }
    let pair = HostPair::new(HostPairConfig::default()).expect("two hosts joined by veth");
    let host = &pair.first;
    host.run(|| {
        let backend = RustixBackend::new();
        let mut store = Box::new(FrameStore::<FRAMES>::new());
        let config = SocketConfig::new(host.link.index, 0);
        let before = (descriptors(), ring_mappings());
        for _ in 0..100 {
            let memory = MmapMemory::allocate(FRAMES * 4096, false).expect("memory");
            let umem = Umem::new(memory, &mut store, FrameSize::DEFAULT).expect("a UMEM");
            let socket = Socket::open(&backend, &umem, &config).expect("bound again");
            assert_eq!(ring_mappings(), before.1 + 4);
            drop(socket);
        }
        assert_eq!((descriptors(), ring_mappings()), before);
    })
    .expect("in the first host");
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count()
}

/// Mappings of sockets, as `/proc/self/maps` names them.
fn ring_mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc");
    maps.lines()
        .filter(|line| line.contains("socket:["))
        .count()
}
