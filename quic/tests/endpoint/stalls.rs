//! Requests that make no progress although the connection lives.

use std::time::Duration;

use xskit_quic::client::RequestError;

use super::odd::Odd;
use super::world::Site;

const SHORT: Duration = Duration::from_millis(60);

fn impatient(change_server: impl FnOnce(&mut quiche::Config)) -> Odd {
    Odd::connect(|config| config.progress_timeout = SHORT, change_server)
}

fn stalled(received: u64) -> Option<RequestError> {
    let after = SHORT;
    Some(RequestError::Stalled { after, received })
}

#[test]
fn a_request_that_is_never_answered_ends() {
    let mut odd = impatient(|_| {});
    let (id, stream) = odd.get("/");
    odd.wait("the end", |odd| odd.told.contains_key(&id));
    assert_eq!(odd.told[&id].failed, stalled(0));
    // The server is told to stop, and the connection serves other requests.
    let stopped = odd.quic.stream_send(stream, b"x", true);
    assert_eq!(stopped, Err(quiche::Error::StreamStopped(0x10c)));
    let (id, stream) = odd.get("/");
    odd.say(stream, &[1, 3, 0, 0, 0xc0 | 25], true);
    assert!(odd.told[&id].finished);
}

#[test]
fn a_response_that_stops_in_the_middle_ends() {
    let mut odd = impatient(|_| {});
    let (id, stream) = odd.get("/");
    odd.say(stream, &[1, 3, 0, 0, 0xc0 | 25, 0, 2, 7, 7], false);
    // Frames without a byte of the body are no progress either.
    odd.say(stream, &[0, 0, 0x21, 0, 0, 0], false);
    odd.wait("the end", |odd| odd.told[&id].failed.is_some());
    assert_eq!(odd.told[&id].failed, stalled(2));
}

#[test]
fn requests_that_may_never_be_sent_end() {
    let mut odd = impatient(|config| config.set_initial_max_streams_bidi(0));
    let ids = ["/a", "/b"].map(|path| odd.client.get(path, None));
    odd.wait("the end", |odd| {
        ids.iter().all(|id| odd.told.contains_key(id))
    });
    for id in ids {
        assert_eq!(odd.told[&id].failed, stalled(0));
    }
}

#[test]
fn an_application_that_reads_late_is_no_stall() {
    const SIZE: usize = 1 << 20;
    let site = Site::new(&[SIZE]);
    let mut world = site.world();
    let mut config = site.client();
    // Longer: a slow machine must not be taken for a stall.
    let limit = 5 * SHORT;
    config.progress_timeout = limit;
    config.transport.stream_window_bytes = 64 << 10;
    let (at, id) = world.ask(&config, &format!("/{SIZE}"));
    world.peers[at].reading = false;
    world.run("a head", |world| world.peers[at].heads.contains_key(&id));
    while world.step() {}
    std::thread::sleep(2 * limit);
    world.advance("a timer");
    assert_eq!(world.peers[at].failed, []);
    world.peers[at].reading = true;
    world.peers[at].read(id);
    world.run_to_end(at, id, SIZE);
}
