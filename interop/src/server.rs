//! Our end as a server: files over HTTP/3 over the kernel's UDP, on a thread.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use xskit_quic::driver::{UdpConfig, UdpDriver};
use xskit_quic::server::ServerStats;
use xskit_quic::{FileServer, ServerConfig};

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<ServerStats>>,
}

impl Running {
    pub(crate) fn start(
        root: &Path,
        config: &ServerConfig,
        address: IpAddr,
    ) -> anyhow::Result<Self> {
        let mut server = FileServer::of_directory(root, config, Instant::now())?;
        let mut driver = UdpDriver::new(UdpSocket::bind((address, 0))?, UdpConfig::default())?;
        let address = driver.socket().local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let is_more = driver.turn(&mut server)?;
                driver.rest(&mut server, is_more, Duration::from_millis(20))?;
            }
            Ok(server.stats())
        });
        Ok(Self {
            address,
            stop,
            thread,
        })
    }

    /// Ends it. It has then counted this.
    pub(crate) fn stop(self) -> anyhow::Result<ServerStats> {
        self.stop.store(true, Ordering::Relaxed);
        let outcome = self.thread.join();
        outcome.map_err(|_| anyhow!("the server panicked"))?
    }
}
