//! Servers and clients against each other, and against the worst that a network can send.
//! One binary, so that the cryptography is linked once.

mod amplification;
mod applications;
mod bodies;
mod connections;
mod crowding;
mod diagnostics;
mod early;
mod encodings;
mod endings;
mod frames;
mod given_up;
mod handlers;
mod hostile;
mod identity;
mod memory;
mod methods;
mod odd;
mod pacing;
mod priorities;
mod raw;
mod rebinding;
mod resets;
mod responses;
mod stalls;
mod tickets;
mod transfers;
mod uploads;
mod workers;
mod world;
