//! Steps made of a fuzzer's bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{Answer, Op, OpenStep, RINGS, RingOp};

impl<'a> Arbitrary<'a> for Op {
    /// Weighted, so that most steps of a random input do something.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let op = match bytes.int_in_range(0..=99u8)? {
            0..=11 => Self::Alloc {
                len: length(bytes)?,
            },
            12..=16 => Self::Write {
                held: bytes.arbitrary()?,
                start: length(bytes)?,
                len: length(bytes)?,
            },
            17..=25 => Self::Send {
                held: bytes.arbitrary()?,
            },
            26..=27 => Self::Burst {
                count: bytes.int_in_range(0..=64)?,
            },
            28..=30 => Self::Drop {
                held: bytes.arbitrary()?,
            },
            31..=38 => Self::Receive {
                max: few(bytes)?,
                take: few(bytes)?,
                keep: bytes.arbitrary()?,
            },
            39 => Self::Forget {
                max: bytes.int_in_range(0..=2)?,
                take: bytes.int_in_range(0..=2)?,
            },
            40..=43 => Self::Refill,
            44..=48 => Self::Reap,
            49..=50 => Self::Recycle,
            51..=52 => Self::Room {
                wanted: few(bytes)?,
            },
            53 => Self::Waiting,
            54..=60 => Self::Flush(bytes.arbitrary()?),
            61 => Self::Request(bytes.arbitrary()?),
            62 => Self::Accounting,
            63 => Self::Close,
            64 => Self::Open {
                refused: bytes.arbitrary()?,
            },
            65..=69 => Self::KernelTakes { count: few(bytes)? },
            70..=75 => Self::KernelCompletes {
                pick: bytes.arbitrary()?,
                count: few(bytes)?,
            },
            76..=80 => Self::KernelTakesFill { count: few(bytes)? },
            81..=89 => Self::KernelDelivers {
                pick: bytes.arbitrary()?,
                start: length(bytes)?,
                len: length(bytes)?,
            },
            90 => Self::KernelWantsKick(bytes.arbitrary()?),
            91 => Self::KernelWantsWake(bytes.arbitrary()?),
            92..=93 => Self::Wait {
                is_silent: *bytes.choose(&[false, true])?,
                is_woken: bytes.arbitrary()?,
                answer: bytes.arbitrary()?,
            },
            94..=95 => Self::KernelDeliversEarly {
                count: few(bytes)?,
                start: length(bytes)?,
                len: length(bytes)?,
            },
            96 => Self::KernelSettles,
            98..=99 => Self::Switch,
            _ => Self::Ring(bytes.arbitrary()?),
        };
        Ok(op)
    }
}

impl<'a> Arbitrary<'a> for RingOp {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=10u8)? {
            0 => Self::Reserve(few(bytes)?),
            1 => Self::Push(few(bytes)?),
            2 => Self::Commit,
            3 => Self::Outstanding,
            4 => Self::Peek(few(bytes)?),
            5 => Self::Pop(few(bytes)?),
            6 => Self::Release,
            7 => Self::PushAll(few(bytes)?),
            8 => Self::Drain {
                wanted: few(bytes)?,
                take: few(bytes)?,
            },
            9 => Self::Leak(few(bytes)?),
            _ => Self::Available,
        })
    }
}

impl<'a> Arbitrary<'a> for Answer {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=7u8)? {
            2..=5 => Self::Takes(few(bytes)?),
            7 => Self::Fails,
            _ => Self::Later,
        })
    }
}

impl<'a> Arbitrary<'a> for OpenStep {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=7u8)? {
            0 => Self::Create,
            1 => Self::Register,
            2 => Self::Size(*bytes.choose(&RINGS)?),
            3 => Self::Offsets,
            4 => Self::Map(*bytes.choose(&RINGS)?),
            5 => Self::Bind,
            6 => Self::BoundElsewhere,
            _ => Self::Confirm,
        })
    }
}

/// A count that is mostly small, since rings are.
fn few(bytes: &mut Unstructured<'_>) -> Result<u8> {
    match bytes.int_in_range(0..=7u8)? {
        0 => bytes.arbitrary(),
        few => Ok(few),
    }
}

/// A length or a place in a frame of 2048 bytes: mostly inside, sometimes at its end, or beyond.
fn length(bytes: &mut Unstructured<'_>) -> Result<u16> {
    match bytes.int_in_range(0..=7u8)? {
        0 => bytes.arbitrary(),
        1 => bytes.int_in_range(2046..=2050),
        2 => Ok(0),
        _ => bytes.int_in_range(1..=512),
    }
}
