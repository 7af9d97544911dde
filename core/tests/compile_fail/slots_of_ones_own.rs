//! What a ring's slots are is not for others to say: any bytes must be valid in them.

use xskit_core::ring::Slot;

struct Plain(u64);

impl Slot for Plain {
    type Value = u64;

    fn load(&self) -> u64 {
        self.0
    }

    fn store(&self, _value: u64) {}
}

fn main() {}
