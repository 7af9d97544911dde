//! A server spreads its windows over the round trip: no queue on the way is overrun by a burst.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use xskit_quic::Client;
use xskit_quic::client::ClientEvent;

use super::world::{PATIENCE, Pki, Site, content, files, server_addr};

/// Half of the round trip.
const DELAY: Duration = Duration::from_millis(10);

/// What the queue in front of the client lets through, and what it has room for: so much that its rate
/// bounds nothing, as a receiver's ring does.
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

#[test]
fn no_window_is_sent_in_one_burst() {
    // Windows of 32, 64, 128, 256 and 512 datagrams.
    const SIZE: usize = 1 << 20;
    let (pki, dir) = (Pki::new(), files(&[SIZE]));
    let begun = Instant::now();
    let mut server = Site::new(dir.path(), pki.identity.clone()).serve::<()>(begun);
    let (near, far) = (SocketAddr::from(([198, 51, 100, 7], 10_000)), server_addr());
    let mut client = Client::new(&pki.client(), near, far, (), begun).unwrap();
    let id = client.get(&format!("/{SIZE}"), None);
    let (mut down, mut up) = (Direction::default(), Direction::default());
    let (mut body, mut buffer) = (Vec::new(), vec![0; 65_536]);
    let mut is_finished = false;
    while !is_finished {
        let now = Instant::now();
        assert!(now < begun + PATIENCE, "{} bytes", body.len());
        while let Some(mut datagram) = up.receive(now) {
            server.handle_datagram(now, &mut datagram, near, far, ());
        }
        while let Some(mut datagram) = down.receive(now) {
            client.handle_datagram(now, &mut datagram, far, near);
        }
        server.handle_timeout(now);
        client.handle_timeout(now);
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Body(_) => loop {
                    match client.read_body(id, &mut buffer) {
                        0 => break,
                        len => body.extend_from_slice(&buffer[..len]),
                    }
                },
                ClientEvent::Finished(_) => is_finished = true,
                ClientEvent::Failed(_, error) => panic!("{error}"),
                ClientEvent::Closed(end) => panic!("{end}"),
                _ => {}
            }
        }
        while let Some(sent) = client.poll_transmit(now, &mut buffer) {
            up.send(now, &buffer[..sent.len]);
        }
        while let Some(sent) = server.poll_transmit(now, &mut buffer) {
            down.send(now, &buffer[..sent.len]);
        }
        let timers = [
            down.due(),
            up.due(),
            server.poll_timeout(),
            client.poll_timeout(),
        ];
        if let Some(next) = timers.into_iter().flatten().min() {
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    assert!(body == content(SIZE));
    assert_eq!(down.dropped, 0);
}
