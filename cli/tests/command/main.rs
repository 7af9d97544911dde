//! The `xskit` command as people meet it: wrong input, lost peers, full disks, signals, reports.
//!
//! Each test starts the real program on a pair of hosts of its own, and looks at the exit code, at
//! what it says and at what it leaves behind.
//!
//! | module | is |
//! | --- | --- |
//! | [`scene`] | two hosts and a directory: where every test begins |
//! | [`disk`] | a file system of a given size |
//! | [`process`] | the program as a child process, and what came of it |
//! | [`traces`] | what may be left behind: XDP programs, processes |

mod disk;
mod process;
mod scene;
mod traces;

mod access_log;
mod bench;
mod browser;
mod confined;
mod demo;
mod diagnostics;
mod downloads;
mod hostile;
mod interfaces;
mod options;
mod passing;
mod privileges;
mod resumption;
mod routers;
mod signals;
mod tcp;
mod udp;
