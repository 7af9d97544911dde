//! Frames into the QUIC endpoints.

#![cfg_attr(fuzzing, no_main)]

xskit_fuzz::target!(xskit_fuzz::udp_datagram::attack);
