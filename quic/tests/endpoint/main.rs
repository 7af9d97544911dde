//! Servers and clients against each other, and against the worst that a network can send.
//! One binary, so that the cryptography is linked once.

mod endings;
mod given_up;
mod hostile;
mod identity;
mod memory;
mod methods;
mod raw;
mod rebinding;
mod transfers;
mod world;
