//! Nothing is left open, mapped or pinned, however often a queue is bound. Alone in its process,
//! because it counts the process's resources.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use xskit_bpf::{AttachMode, XdpProgram};
use xskit_core::backend::Interest;
use xskit_core::socket::Step;
use xskit_core::umem::FrameSlot;
use xskit_core::{Errno, Socket, SocketConfig};

use crate::RealBackend;
use crate::duplicate;
use crate::fixture::{Bed, umem};

const CYCLES: u32 = 1000;
/// Before the first count, so that allocator and loader have what they keep.
const WARM_UP: u32 = 50;
/// One cycle in this many receives by an XDP program: the kernel takes 0.1 s to verify it.
const CYCLES_A_PROGRAM: u32 = 10;
/// Used in turns: a queue is released some 30 ms after its socket was closed.
const QUEUES: u32 = 8;
const FRAMES: usize = 64;
/// A tenth of the memory that all cycles pin, which counts against RLIMIT_MEMLOCK.
const PINNED_BYTES: u64 = CYCLES as u64 / 10 * FRAMES as u64 * 4096;
/// How long the kernel may take to release closed resources.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens and binds a thousand sockets, and checks that nothing is left.
pub fn a_thousand_openings_leave_nothing_behind<B: RealBackend>(bed: Bed<'_, B>) {
    duplicate::a_duplicate_finds_no_free_frame(bed.make);
    let (make, host) = (bed.make, &bed.pair.first);
    let cycles = || {
        count_pinned_memory();
        let mut seen = BpfIds::default();
        for cycle in 0..WARM_UP {
            open_and_close(make, host.link.index, cycle, &mut seen);
        }
        let before = Holdings::now();
        for cycle in 0..CYCLES {
            open_and_close(make, host.link.index, cycle, &mut seen);
        }
        until(
            || Holdings::now() == before,
            || format!("{before:?}, now {:?}", Holdings::now()),
        );
        let programs = ((CYCLES + WARM_UP) / CYCLES_A_PROGRAM) as usize;
        assert_eq!(
            (seen.programs.len(), seen.links.len()),
            (programs, programs)
        );
        until(
            || !seen.any_of(&BpfIds::of_the_system()),
            || "BPF objects of this process are still loaded".to_owned(),
        );
    };
    host.run(cycles).expect("in the first host");
}

/// A socket that receives by an XDP program, and openings beside it that fail.
fn open_and_close<B: RealBackend>(
    make: &dyn Fn() -> B,
    ifindex: u32,
    cycle: u32,
    seen: &mut BpfIds,
) {
    // Every tenth time the queue of the cycle before, which is not released yet.
    let queue = (cycle - u32::from(cycle % 10 == 9)) % QUEUES;
    let config = SocketConfig::new(ifindex, queue);
    let backend = make();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &config).expect("bound");
    let received = cycle.is_multiple_of(CYCLES_A_PROGRAM).then(|| {
        let program = XdpProgram::load(QUEUES).expect("the program");
        let registered = program.register_socket(queue, socket.handle().as_fd());
        registered.expect("registered");
        program.take(4433, None).expect("taken");
        let attachment = program.attach(ifindex, AttachMode::Auto);
        (attachment.expect("attached"), program)
    });
    let mut frame = umem.alloc().expect("a free frame");
    frame.set_range(0..60).expect("inside the frame");
    socket.send(frame).expect("room");
    socket.flush().expect("a kick");
    // What a backend arms for a wait is still armed when the socket is closed.
    let waited = socket.wait(Interest::RECEIVE, Some(Duration::ZERO));
    waited.expect("a wait");

    let claimed = Socket::open(&backend, &umem, &config).map(drop);
    assert_eq!(claimed.expect_err("one socket at a time").step, Step::Claim);
    refuse(make, &SocketConfig::new(ifindex, QUEUES), Errno::EINVAL);
    // The backend tries this one for two seconds.
    if cycle.is_multiple_of(250) {
        refuse(make, &config, Errno::EBUSY);
    }
    let held = BpfIds::of_this_process();
    if cycle == 0 {
        assert!(held.any_of(&BpfIds::of_the_system()), "{held:?} are listed");
        assert_eq!(Holdings::now().rings, 4);
    }
    seen.add(held);
    drop(received);
}

/// An opening that fails at its last step, after a UMEM was registered and all rings were mapped.
fn refuse<B: RealBackend>(make: &dyn Fn() -> B, config: &SocketConfig, errno: Errno) {
    let backend = make();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let refused = Socket::open(&backend, &umem, config).map(drop);
    let refused = refused.expect_err("not to be had");
    assert!(matches!(refused.step, Step::Bind { .. }), "{refused}");
    assert_eq!(refused.errno, errno);
}

/// Counts pinned UMEMs against a limit, which CAP_IPC_LOCK would lift: if one stayed pinned in
/// every cycle, they would reach it, and the next UMEM would be refused.
fn count_pinned_memory() {
    let mut held = capabilities(None).expect("our capabilities");
    held.effective -= CapabilitySet::IPC_LOCK;
    set_capabilities(None, held).expect("fewer capabilities");
    let maximum = getrlimit(Resource::Memlock).maximum;
    let limit = Rlimit {
        current: Some(maximum.map_or(PINNED_BYTES, |maximum| maximum.min(PINNED_BYTES))),
        maximum,
    };
    setrlimit(Resource::Memlock, limit).expect("a lower limit");
}

/// Waits for the kernel's deferred work.
fn until(holds: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "left behind: {}", otherwise());
        thread::sleep(Duration::from_millis(20));
    }
}

/// What the process has.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: usize,
    mappings: usize,
    /// Mappings of sockets.
    rings: usize,
    /// VmSize, VmLck and VmPin of `/proc/self/status`.
    memory: Vec<String>,
}

impl Holdings {
    fn now() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").expect("/proc");
        let status = fs::read_to_string("/proc/self/status").expect("/proc");
        let is_counted = |line: &&str| {
            ["VmSize:", "VmLck:", "VmPin:"]
                .iter()
                .any(|field| line.starts_with(field))
        };
        Self {
            descriptors: fs::read_dir("/proc/self/fd").expect("/proc").count(),
            mappings: maps.lines().count(),
            rings: maps
                .lines()
                .filter(|line| line.contains("socket:["))
                .count(),
            memory: status
                .lines()
                .filter(is_counted)
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Numbers of BPF objects; the kernel gives each out once.
#[derive(Debug, Default)]
struct BpfIds {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    links: BTreeSet<u32>,
}

impl BpfIds {
    /// The objects that this process's descriptors hold, by `/proc/self/fdinfo`.
    fn of_this_process() -> Self {
        let mut ids = Self::default();
        for entry in fs::read_dir("/proc/self/fdinfo").expect("/proc").flatten() {
            // The descriptor of the folder itself is closed by then.
            let info = fs::read_to_string(entry.path()).unwrap_or_default();
            for (name, value) in info.lines().filter_map(|line| line.split_once(":\t")) {
                let Ok(id) = value.trim().parse() else {
                    continue;
                };
                match name {
                    "prog_id" => ids.programs.insert(id),
                    "map_id" => ids.maps.insert(id),
                    "link_id" => ids.links.insert(id),
                    _ => continue,
                };
            }
        }
        ids
    }

    fn of_the_system() -> Self {
        Self {
            programs: ProgInfoIter::default().map(|info| info.id).collect(),
            maps: MapInfoIter::default().map(|info| info.id).collect(),
            links: LinkInfoIter::default().map(|info| info.id).collect(),
        }
    }

    fn add(&mut self, other: Self) {
        self.programs.extend(other.programs);
        self.maps.extend(other.maps);
        self.links.extend(other.links);
    }

    fn any_of(&self, other: &Self) -> bool {
        let common = |ours: &BTreeSet<u32>, theirs| !ours.is_disjoint(theirs);
        common(&self.programs, &other.programs)
            || common(&self.maps, &other.maps)
            || common(&self.links, &other.links)
    }
}
