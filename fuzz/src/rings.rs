//! The core's sockets, through the model's operations: what a program does, and what a kernel does to it.

/// Steps of a program and of an honest kernel, on a real socket and on the oracle.
///
/// # Panics
///
/// Where the two differ.
pub fn ring_ops(input: &[u8]) {
    xskit_model::ring_ops(input);
}

/// Steps of a program, and a kernel that writes what it likes into the shared words and slots.
///
/// # Panics
///
/// If a frame gets two owners, lies elsewhere than it says, or loses its bytes.
pub fn hostile_kernel(input: &[u8]) {
    xskit_model::hostile_kernel(input);
}
