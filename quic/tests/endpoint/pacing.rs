//! Each end spreads its windows over the round trip: no burst overruns a queue on the path.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use xskit_quic::Endpoint;
use xskit_quic::client::ClientEvent;
use xskit_quic::{
    Application, Client, ClientConfig, Handler, Http, HttpConfig, Incoming, Reply, Request,
    Response, Server, ServerConfig,
};

use super::world::{PATIENCE, Pki, Site, content, server_addr};

/// Half of the round trip.
const DELAY: Duration = Duration::from_millis(10);

/// The queue in front of the client: the time per datagram, and its room. It is so fast that only
/// its room is a bound, as with a receiver's ring.
const SERVICE: Duration = Duration::from_micros(20);
const ROOM: u32 = 100;

/// One direction of the wire.
#[derive(Default)]
struct Direction {
    on_their_way: VecDeque<(Instant, Vec<u8>)>,
    /// When the queue has let through all that it has.
    busy_until: Option<Instant>,
    dropped: u32,
}

impl Direction {
    fn send(&mut self, now: Instant, datagram: &[u8]) {
        let arrival = now + DELAY;
        let begin = self.busy_until.map_or(arrival, |busy| busy.max(arrival));
        if begin.duration_since(arrival) >= SERVICE * ROOM {
            self.dropped += 1;
            return;
        }
        let through = begin + SERVICE;
        self.busy_until = Some(through);
        self.on_their_way.push_back((through, datagram.to_vec()));
    }

    fn due(&self) -> Option<Instant> {
        self.on_their_way.front().map(|(at, _)| *at)
    }

    fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.due().filter(|due| *due <= now)?;
        self.on_their_way.pop_front().map(|(_, datagram)| datagram)
    }
}

/// The way between the two.
#[derive(Default)]
struct Wire {
    down: Direction,
    up: Direction,
}

const NEAR: ([u8; 4], u16) = ([198, 51, 100, 7], 10_000);

impl Wire {
    /// Runs both ends until the client's only request is answered, or has so many bytes of the
    /// answer. Returns them.
    fn run<A: Application>(
        &mut self,
        server: &mut Server<(), A>,
        client: &mut Client<()>,
        enough: usize,
    ) -> Vec<u8> {
        let (near, far) = (SocketAddr::from(NEAR), server_addr());
        let (begun, mut body, mut buffer) = (Instant::now(), Vec::new(), vec![0; 65_536]);
        loop {
            let now = Instant::now();
            assert!(now < begun + PATIENCE, "{} bytes", body.len());
            while let Some(mut datagram) = self.up.receive(now) {
                server.handle_datagram(now, &mut datagram, near, far, ());
            }
            while let Some(mut datagram) = self.down.receive(now) {
                client.handle_datagram(now, &mut datagram, far, near, ());
            }
            server.handle_timeout(now);
            client.handle_timeout(now);
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Body(id) => {
                        while let len @ 1.. = client.read_body(id, &mut buffer) {
                            body.extend_from_slice(&buffer[..len]);
                        }
                        if body.len() >= enough {
                            return body;
                        }
                    }
                    ClientEvent::Finished(_) => return body,
                    ClientEvent::Failed(_, error) => panic!("{error}"),
                    ClientEvent::Closed(end) => panic!("{end}"),
                    _ => {}
                }
            }
            while let Some(sent) = client.poll_transmit(now, &mut buffer) {
                self.up.send(now, &buffer[..sent.len]);
            }
            while let Some(sent) = server.poll_transmit(now, &mut buffer) {
                self.down.send(now, &buffer[..sent.len]);
            }
            let timers = [
                self.down.due(),
                self.up.due(),
                server.poll_timeout(),
                client.poll_timeout(),
            ];
            if let Some(next) = timers.into_iter().flatten().min() {
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        }
    }
}

/// Windows of 32, 64, 128, 256 and 512 datagrams.
const SIZE: usize = 1 << 20;

fn client(config: &ClientConfig) -> Client<()> {
    Client::new(config, NEAR.into(), server_addr(), (), Instant::now()).unwrap()
}

#[test]
fn no_window_is_sent_in_one_burst() {
    let site = Site::new(&[SIZE]);
    let mut server = site.serve::<()>(Instant::now());
    let (mut wire, mut client) = (Wire::default(), client(&site.client()));
    client.get(&format!("/{SIZE}"), None);
    assert!(wire.run(&mut server, &mut client, usize::MAX) == content(SIZE));
    assert_eq!(wire.down.dropped, 0);
}

#[test]
fn a_connection_that_is_closed_while_it_is_held_back_does_not_spin() {
    let site = Site::new(&[SIZE]);
    let mut server = site.serve::<()>(Instant::now());
    let (mut wire, mut client) = (Wire::default(), client(&site.client()));
    client.get(&format!("/{SIZE}"), None);
    wire.run(&mut server, &mut client, SIZE / 4);
    let send = |server: &mut Server<_, _>, now| {
        while server.poll_transmit(now, &mut [0; 2000]).is_some() {}
    };
    let mut now = Instant::now();
    send(&mut server, now);
    server.close_all(now);
    send(&mut server, now);
    let mut turns = 0;
    while !server.is_drained() {
        turns += 1;
        assert!(turns < 100, "{:?}", server.poll_timeout());
        now = server.poll_timeout().map_or(now, |due| due.max(now));
        thread::sleep(now.saturating_duration_since(Instant::now()));
        server.handle_timeout(now);
        send(&mut server, now);
    }
}

/// Answers with the number of bytes that came.
struct Weigh;

impl Handler for Weigh {
    type Exchange = usize;

    fn request(&mut self, _: &Request<'_>, _: &mut Reply<'_>) -> usize {
        0
    }

    fn body(&mut self, came: &mut usize, body: &mut Incoming<'_>, _: &mut Reply<'_>) {
        let mut piece = [0; 65_536];
        while let len @ 1.. = body.read(&mut piece) {
            *came += len;
        }
    }

    fn end(&mut self, came: &mut usize, reply: &mut Reply<'_>) {
        reply.respond(Response::text(200, came.to_string()));
    }
}

#[test]
fn nor_is_a_clients() {
    let pki = Pki::new();
    let mut config = ServerConfig::new(pki.identity.clone());
    // So large that they don't bound the upload.
    config.transport.stream_window_bytes = SIZE as u64;
    config.transport.connection_window_bytes = SIZE as u64;
    config.transport.max_stream_window_bytes = SIZE as u64;
    config.transport.max_connection_window_bytes = SIZE as u64;
    let http = Http::new(Weigh, &HttpConfig::default()).unwrap();
    let mut server = Server::new(&config, http, Instant::now()).unwrap();
    let (mut wire, mut client) = (Wire::default(), client(&pki.client()));
    client.request("POST", "/", &[], content(SIZE)).unwrap();
    assert_eq!(
        wire.run(&mut server, &mut client, usize::MAX),
        SIZE.to_string().into_bytes()
    );
    assert_eq!(wire.up.dropped, 0);
}
