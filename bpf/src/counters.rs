//! How many packets the program saw, by verdict.

/// How many packets the program saw, by verdict. Each packet counts in exactly one of the four.
///
/// The sum over all CPUs since the program was loaded. The CPUs keep counting while it is read, so
/// the four are of about the same moment, not exactly. None of them ever decreases.
///
/// ```no_run
/// # fn report(program: &xskit_bpf::XdpProgram) -> Result<(), xskit_bpf::Error> {
/// let counters = program.counters()?;
/// println!("taken {}, passed {}", counters.taken, counters.passed);
/// if counters.no_socket > 0 {
///     println!("on queues without a socket: {:?}", program.strays()?.by_queue);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Redirected to the AF_XDP socket of their queue. The socket may still drop a packet. If it
    /// has no free frame, its statistics count that (XDP_STATISTICS); if it is bound to another
    /// queue or interface, nothing does.
    pub taken: u64,
    /// Matched by no rule, or excluded by the limit: passed to the kernel.
    pub passed: u64,
    /// Truncated, or with an impossible length: passed to the kernel, which drops them.
    pub malformed: u64,
    /// Matched by a rule, or any frame if all are taken, on a queue that no socket is registered
    /// for: passed to the kernel. If this grows, traffic arrives on queues without a socket:
    /// [`XdpProgram::strays`](crate::XdpProgram::strays) says on which, `ethtool -L IF combined N`
    /// sets their number.
    pub no_socket: u64,
}

impl Counters {
    /// Adds up the values of the CPUs, each a `struct counters` of `xskit.bpf.c`. Saturates.
    pub(crate) fn sum(cpus: &[Vec<u8>]) -> Self {
        cpus.iter().fold(Self::default(), |sum, cpu| {
            let mut words = cpu
                .as_chunks::<8>()
                .0
                .iter()
                .map(|word| u64::from_ne_bytes(*word));
            let mut next = |so_far: u64| so_far.saturating_add(words.next().unwrap_or(0));
            Self {
                taken: next(sum.taken),
                passed: next(sum.passed),
                malformed: next(sum.malformed),
                no_socket: next(sum.no_socket),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(words: [u64; 4]) -> Vec<u8> {
        words.into_iter().flat_map(u64::to_ne_bytes).collect()
    }

    #[test]
    fn sums_over_cpus_in_the_order_of_the_c_struct_and_saturates() {
        let sum = Counters::sum(&[cpu([1, 20, 300, u64::MAX]), cpu([2, 30, 400, 5000])]);
        let expected = Counters {
            taken: 3,
            passed: 50,
            malformed: 700,
            no_socket: u64::MAX,
        };
        assert_eq!(sum, expected);
    }
}
