//! The server's end, asked for or not, in the middle of a transfer.

use http::{Method, StatusCode};
use quinn::ConnectionError;

use crate::client::run;
use crate::http3::{Connection, Reply};
use crate::scene::{Family, Scene};
use crate::server::Transport;
use crate::site::Content;

/// So long that the end comes in the middle of it.
const LEN: u64 = 300_000_000;

/// Asks for a file and returns when some of it has come.
async fn begin(connection: &Connection, file: &Content) -> Reply {
    let mut reply = connection.get(&file.path()).await;
    assert_eq!(reply.status(), StatusCode::OK);
    reply.check_up_to(file, 2_000_000).await;
    reply
}

/// A server accepts no new client, and ends once what is under way is finished.
fn finishes_first(transport: Transport) {
    let Some(mut scene) = Scene::over(transport, Family::Ipv4, 1) else {
        return;
    };
    let file = scene.site.add(5_000_000);
    run(async {
        let (busy, idle) = (scene.client(), scene.client());
        let (busy, idle) = (busy.connect().await.unwrap(), idle.connect().await.unwrap());
        let mut reply = begin(&busy, &file).await;
        scene.server.ask_to_end();
        // New clients are refused, and idle connections are closed at once.
        let goodbye = idle.quic.closed().await;
        let refusal = scene.client().connect().await.err();
        assert!(
            matches!(refusal, Some(ConnectionError::ConnectionClosed(_))),
            "{refusal:?}"
        );
        assert!(
            matches!(goodbye, ConnectionError::ApplicationClosed(_)),
            "{goodbye:?}"
        );
        reply.check_up_to(&file, file.len).await;
        assert!(reply.data().await.unwrap().is_none());
    });
    let summary = scene.server.finish();
    assert_eq!((summary.connections, summary.requests), (2, 1));
}

#[test]
fn what_is_under_way_is_finished_first() {
    finishes_first(Transport::AfXdp);
}

#[test]
fn what_is_under_way_over_kernel_udp_is_finished_first() {
    finishes_first(Transport::Udp);
}

#[test]
fn sigkill_leaves_nothing_and_a_second_server_starts_at_once() {
    let Some(mut scene) = Scene::new(Family::Ipv4) else {
        return;
    };
    let (long, short) = (scene.site.add(LEN), scene.site.add(1_000_000));
    run(async {
        let connection = scene.client().connect().await.unwrap();
        let cut = begin(&connection, &long).await;
        assert!(scene.has_xdp_program());
        scene.server.kill();
        assert!(!scene.has_xdp_program());
        scene.restart();
        // The client of the first server still sends to the second, which must not mind.
        scene.client().connect().await.unwrap().fetch(&short).await;
        drop(cut);
        // Once it has something to say, it learns that the second one knows nothing of it.
        let answer = connection.ask(Method::GET, &short.path(), &[]).await;
        assert!(answer.is_err(), "of a connection that is gone");
        assert_eq!(connection.quic.close_reason(), Some(ConnectionError::Reset));
    });
    scene.server.interrupt();
    assert!(!scene.has_xdp_program());
}
