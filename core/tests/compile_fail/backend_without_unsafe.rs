//! To be a backend takes `unsafe`: the core follows the mappings it returns.

use xskit_core::Backend;

struct Mine;

impl Backend for Mine {}

fn main() {}
