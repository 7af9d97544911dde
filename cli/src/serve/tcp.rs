//! HTTP/1.1 and HTTP/2 beside HTTP/3: threads for the kernel's TCP.
//!
//! Browsers connect by TCP first, where Alt-Svc announces HTTP/3 (RFC 7838). The XDP program takes
//! only UDP.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt,
};
use xskit::https::{Control, HttpsError, HttpsServer, HttpsStats, Runtime};
use xskit::quic::server::Guests;

use super::news::Known;
use super::team::{EndsAll, Team};
use crate::args::{ServeArgs, TcpArgs, TcpRuntime};
use crate::stop::LONGEST_WAIT;

/// Connections that wait to be accepted; the kernel allows at most `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// The ports, bound while there are privileges: a part per thread.
pub(super) struct Tcp(Vec<Part>);

/// A thread's part.
struct Part {
    listener: TcpListener,
    /// For plain HTTP; only one thread has it.
    clear: Option<TcpListener>,
    runtime: Runtime,
    /// The port as clients know it, of UDP and of TCP.
    port: u16,
}

impl Tcp {
    /// `None` with `--no-tcp`. `address` is the one served over UDP.
    pub(super) fn open(args: &ServeArgs, address: SocketAddr) -> anyhow::Result<Option<Self>> {
        let TcpArgs {
            no_tcp,
            tcp,
            tcp_threads,
            advertise_port,
            redirect_http,
        } = args.tcp;
        if no_tcp {
            return Ok(None);
        }
        // The kernel distributes connections among sockets that share a port. A single one must not
        // share it.
        let sharing = if tcp_threads > 1 {
            Sharing::Own
        } else {
            Sharing::None
        };
        let mut clear = redirect_http.map(|port| {
            let mut address = address;
            address.set_port(port);
            open(address, Sharing::None)
        });
        let parts = (0..tcp_threads).map(|_| {
            Ok(Part {
                listener: open(address, sharing)?,
                clear: clear.take().transpose()?,
                runtime: tcp.into(),
                port: advertise_port.unwrap_or(address.port()),
            })
        });
        Ok(Some(Self(parts.collect::<anyhow::Result<_>>()?)))
    }

    /// Serves on its threads while `work` runs; all end when one of them does.
    pub(super) fn beside<T>(
        tcp: Option<Self>,
        team: &Team<'_>,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Option<HttpsStats>)> {
        let Some(tcp) = tcp else {
            return Ok((work()?, None));
        };
        let guests = team.guests();
        thread::scope(|scope| {
            let (ready, are_ready) = channel();
            let ends = EndsAll(&team.stop);
            let mut threads = Vec::new();
            for part in tcp.0 {
                let (ready, guests) = (ready.clone(), guests.clone());
                let builder = thread::Builder::new().name("tcp".to_owned());
                let thread = builder.spawn_scoped(scope, move || {
                    let _ends = EndsAll(&team.stop);
                    part.serve(team, guests, &ready)
                });
                threads.push(thread.context("clone(2) of a thread for TCP")?);
            }
            drop(ready);
            // The server is reported ready only once these are. A thread that failed reports why
            // when joined.
            let are_ready = threads.iter().all(|_| are_ready.recv().is_ok());
            let outcome = are_ready.then(work);
            drop(ends);
            let all = join(threads);
            if let Some(log) = &team.log {
                log.flush();
            }
            // The first to end is why the others ended.
            match outcome {
                Some(outcome) => Ok((outcome?, Some(all?))),
                None => Err(all.map_or_else(|error| error, |_| anyhow!("TCP is not served"))),
            }
        })
    }
}

/// Joins all, then adds up what they served.
fn join(
    threads: Vec<ScopedJoinHandle<'_, anyhow::Result<HttpsStats>>>,
) -> anyhow::Result<HttpsStats> {
    let ended: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    let mut all = HttpsStats::default();
    for outcome in ended {
        all.add(&outcome.map_err(|_| anyhow!("a thread for TCP panicked"))??);
    }
    Ok(all)
}

impl Part {
    fn serve(
        self,
        team: &Team<'_>,
        guests: Guests,
        ready: &Sender<()>,
    ) -> anyhow::Result<HttpsStats> {
        let server = HttpsServer::new(&team.config, team.http()?, guests, self.runtime);
        let mut server = server.map_err(|error| {
            let remedy = match (&error, self.runtime) {
                (_, Runtime::Tokio) | (HttpsError::Identity(_) | HttpsError::Tls(_), _) => {
                    "--no-tcp serves over UDP alone"
                }
                _ => "--tcp tokio does without io_uring",
            };
            let text = format!("can't serve over TCP: {error}; {remedy}");
            anyhow::Error::new(error).context(text)
        })?;
        if let Some(clear) = self.clear {
            server = server.redirect(clear, self.port);
        }
        team.confine(|| true)?;
        // Fails if another thread has failed.
        let _ = ready.send(());
        let control = server.control();
        control.advertise(Some(self.port));
        Ok(server.serve(self.listener, follow(team, control))?)
    }
}

impl From<TcpRuntime> for Runtime {
    fn from(name: TcpRuntime) -> Self {
        match name {
            TcpRuntime::Tokio => Self::Tokio,
            #[cfg(feature = "tcp-uring")]
            TcpRuntime::Uring => Self::Uring,
        }
    }
}

/// Follows what the first worker publishes, until the end. Returns how long draining may take.
async fn follow(team: &Team<'_>, control: Control) -> Duration {
    let mut known = Known::default();
    while !team.stop.is_asked() {
        control.sleep(LONGEST_WAIT).await;
        if let Some(identity) = known.learn_identity(&team.news)
            && let Err(error) = control.set_identity(&identity)
        {
            team.say_stale(&error.into());
        }
    }
    team.args.drain
}

/// Which other sockets may listen on the same port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    None,
    /// Sockets of the same user (SO_REUSEPORT).
    Own,
}

/// Listens on an address, or on all of its family.
fn open(address: SocketAddr, sharing: Sharing) -> anyhow::Result<TcpListener> {
    let open = || -> io::Result<TcpListener> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        // A restarted server need not wait for its predecessor's connections (TIME_WAIT).
        sockopt::set_socket_reuseaddr(&socket, true)?;
        if sharing == Sharing::Own {
            sockopt::set_socket_reuseport(&socket, true)?;
        }
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|error| refused(address, &error))
}

fn refused(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has the port: stop it (`ss -ltnp` shows which), choose another \
             port, or serve over UDP alone (--no-tcp)"
        }
        ErrorKind::PermissionDenied => {
            "; a port this low needs CAP_NET_BIND_SERVICE: run as root, grant it, or choose a \
             higher port"
        }
        _ => "; --no-tcp serves over UDP alone",
    };
    anyhow!("bind(2) to TCP {address}: {error}{hint}")
}
