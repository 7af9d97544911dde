//! Which response goes first.

use quiche::h3;
use xskit_quic::client::RequestBody;

use super::raw::{Raw, request};
use super::world::{Site, serving};

#[test]
fn responses_come_in_the_order_in_which_they_are_wanted() {
    const SIZE: usize = 200_000;
    let (site, mut world) = serving(&[SIZE]);
    let mut config = site.client();
    // Less than a response, so that no two end at once.
    config.transport.connection_window_bytes = 64 << 10;
    config.transport.max_connection_window_bytes = 64 << 10;
    let at = world.connect(&config);
    let path = format!("/{SIZE}");
    let values = ["u=6", "u=2", "u=4", "u=2", "u=0, i"];
    let ids = values.map(|value| {
        let client = &mut world.peers[at].client;
        let fields = [("priority", value)];
        client
            .request("GET", &path, &fields, RequestBody::Empty)
            .unwrap()
    });
    world.run("all", |world| world.peers[at].finished.len() == ids.len());
    assert_eq!(world.peers[at].finished, [4, 1, 3, 2, 0].map(|it| ids[it]));
    world.close();
}

#[test]
fn a_client_may_change_its_mind_about_what_it_wants_first() {
    const SIZE: usize = 200_000;
    let site = Site::new(&[SIZE]);
    let mut raw = Raw::connect(&site);
    let path = format!("/{SIZE}");
    let urgent = h3::Priority::new(0, false);
    // An update before its request, and one while the response is under way.
    let update = |raw: &mut Raw, stream| {
        let told = raw
            .h3
            .send_priority_update_for_request(&mut raw.quic, stream, &urgent);
        told.unwrap();
    };
    update(&mut raw, 8);
    raw.exchange();
    let streams = [(); 3].map(|()| raw.send(&request("GET", &path), true));
    raw.exchange();
    update(&mut raw, streams[1]);
    let mut finished = Vec::new();
    while finished.len() < streams.len() {
        raw.exchange();
        while let Ok((stream, event)) = raw.h3.poll(&mut raw.quic) {
            match event {
                h3::Event::Finished => finished.push(stream),
                h3::Event::Data => {
                    let mut buf = [0; 65_536];
                    while raw.h3.recv_body(&mut raw.quic, stream, &mut buf).is_ok() {}
                }
                _ => {}
            }
        }
    }
    assert_eq!(finished, [4, 8, 0]);
}
