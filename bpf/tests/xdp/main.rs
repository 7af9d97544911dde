//! The XDP program on packet fixtures (BPF_PROG_TEST_RUN), and its loader on real interfaces.
//!
//! Nearly all tests need CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; without them, each says so on
//! stderr. A test makes and uses interfaces only in network namespaces of its thread, which end
//! with it.

#![allow(unsafe_code)] // two calls that have no safe wrapper: test run, unshare

mod attaching;
mod dry_run;
mod features;
mod namespace;
mod oracle;
mod packet;
mod privilege;
mod rule_sets;
mod rules;
mod shipped;
mod sockets;
mod verdicts;
