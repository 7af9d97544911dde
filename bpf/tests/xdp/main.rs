//! The XDP program on packet fixtures (BPF_PROG_TEST_RUN), and its loader on real interfaces.
//!
//! Nearly all of it needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; where they lack, each test says
//! so on stderr. Interfaces are only ever made and used in network namespaces that a test thread
//! makes for itself and that end with it.

#![allow(unsafe_code)] // two calls that have no safe wrapper: test run, unshare

mod attaching;
mod dry_run;
mod features;
mod mutations;
mod namespace;
mod oracle;
mod packet;
mod privilege;
mod rule_sets;
mod rules;
mod shipped;
mod sockets;
mod verdicts;
