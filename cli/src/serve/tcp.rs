//! HTTP/1.1 and 2 beside HTTP/3: one thread for the kernel's TCP.
//!
//! Browsers come by TCP first, and are told of HTTP/3 there (RFC 7838). The XDP program takes UDP alone.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt,
};
use xskit::https::{Control, HttpsServer, HttpsStats};

use super::team::{EndsAll, Known, Team};
use crate::args::{ServeArgs, TcpArgs};
use crate::stop::LONGEST_WAIT;

/// Connections that wait to be accepted; the kernel allows `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// The ports, taken while there are privileges.
pub(super) struct Tcp {
    listener: TcpListener,
    /// In the clear.
    clear: Option<TcpListener>,
    /// As clients know it, of UDP and of TCP.
    port: u16,
}

impl Tcp {
    /// Nothing with `--no-tcp`. `address` is the one that is served over UDP.
    pub(super) fn open(args: &ServeArgs, address: SocketAddr) -> anyhow::Result<Option<Self>> {
        let TcpArgs {
            no_tcp,
            advertise_port,
            redirect_http,
        } = args.tcp;
        if no_tcp {
            return Ok(None);
        }
        let listener = open(address)?;
        let clear = redirect_http.map(|port| {
            let mut address = address;
            address.set_port(port);
            open(address)
        });
        Ok(Some(Self {
            listener,
            clear: clear.transpose()?,
            port: advertise_port.unwrap_or(address.port()),
        }))
    }

    /// Serves on a thread of its own while `work` does; all ends when either does.
    pub(super) fn beside<T>(
        tcp: Option<Self>,
        team: &Team<'_>,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Option<HttpsStats>)> {
        let Some(tcp) = tcp else {
            return Ok((work()?, None));
        };
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("tcp".to_owned());
            let (ready, is_ready) = channel();
            let thread = builder.spawn_scoped(scope, move || {
                let _ends = EndsAll(&team.stop);
                tcp.serve(team, &ready)
            });
            let thread = thread.context("clone(2) of a thread for TCP")?;
            let ends = EndsAll(&team.stop);
            // When it is said that the server is ready, this is. Who has failed says why when joined.
            let outcome = is_ready.recv().ok().map(|()| work());
            drop(ends);
            let stats = thread.join();
            let stats = stats.map_err(|_| anyhow!("the thread for TCP panicked"))?;
            if let Some(log) = &team.log {
                log.flush();
            }
            // Why the one that ended first has ended is why the other did.
            match outcome {
                Some(outcome) => Ok((outcome?, Some(stats?))),
                None => Err(stats.map_or_else(|error| error, |_| anyhow!("TCP is not served"))),
            }
        })
    }

    fn serve(self, team: &Team<'_>, ready: &Sender<()>) -> anyhow::Result<HttpsStats> {
        let server = HttpsServer::new(&team.config, team.http()?, team.guests());
        let mut server = server.context("--no-tcp serves over UDP alone")?;
        if let Some(clear) = self.clear {
            server = server.redirect(clear, self.port);
        }
        team.confine(|| true)?;
        // Nobody waits where the other one has failed.
        let _ = ready.send(());
        let control = server.control();
        control.advertise(Some(self.port));
        Ok(server.serve(self.listener, follow(team, control))?)
    }
}

/// Follows what the first worker finds out, until all end. Then says how long that may take.
async fn follow(team: &Team<'_>, control: Control) -> Duration {
    let mut known = Known::default();
    while !team.stop.is_asked() {
        tokio::time::sleep(LONGEST_WAIT).await;
        if let Some(identity) = known.learn_identity(&team.news)
            && let Err(error) = control.set_identity(&identity)
        {
            team.say_stale(&error.into());
        }
    }
    team.args.drain
}

/// Listens on an address, or on all of its kind.
fn open(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let open = || -> io::Result<TcpListener> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        // A server that is started again need not wait for the last one's connections.
        sockopt::set_socket_reuseaddr(&socket, true)?;
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
            "; another program has the port: end it (`ss -ltnp` lists who has which), choose another, or serve \
             over UDP alone (--no-tcp)"
        }
        ErrorKind::PermissionDenied => {
            "; ports this low need CAP_NET_BIND_SERVICE: run as root, grant it, or choose a higher one"
        }
        _ => "; --no-tcp serves over UDP alone",
    };
    anyhow!("bind(2) to TCP {address}: {error}{hint}")
}
