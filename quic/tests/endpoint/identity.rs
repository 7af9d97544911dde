//! Certificates: which are trusted, which are not, and what the client reports.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use xskit_quic::cert::{self, Authority, Validity};
use xskit_quic::client::{CertificateProblemKind as Kind, ConnectionEnd, Trust};
use xskit_quic::{ClientConfig, Identity};

use super::world::{self, NAME, Pki, Site, World, serving};

fn end(identity: &Identity, client: &ClientConfig) -> Option<ConnectionEnd> {
    let mut site = Site::new(&[1]);
    site.identity = identity.clone();
    let mut world = site.world();
    let at = world.connect(client);
    let peer = move |world: &World| world.peers[at].connected || world.peers[at].end.is_some();
    world.run("a verdict", peer);
    let end = world.peers[at].end.clone();
    if end.is_some() {
        // The server is told, and forgets the connection.
        world.run("forgotten", |world| {
            world.server.stats().connections.active == 0
        });
        assert_eq!(world.server.application().counters().requests, 0);
    }
    world.check_accounts();
    end
}

fn refused(identity: &Identity, client: &ClientConfig) -> Kind {
    match end(identity, client) {
        Some(ConnectionEnd::Certificate(problem)) => {
            assert_eq!(problem.server_name, client.server_name);
            problem.kind
        }
        other => panic!("{}: {other:?}", client.server_name),
    }
}

fn client(name: &str, ca: &str) -> ClientConfig {
    ClientConfig::new(name, 443, Trust::Pem(ca.to_owned()))
}

/// An authority's certificate, and an identity by it with this common name and these other names:
/// [`cert`] makes none like that.
fn with_common_name(common_name: &str, names: &[&str]) -> (String, Identity) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.distinguished_name
        .push(DnType::CommonName, common_name);
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap().pem();
    let pem = Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes());
    (ca, pem.unwrap())
}

#[test]
fn the_right_authority_is_believed_for_every_name() {
    let pki = Pki::with_names(&[NAME, "*.wild.test", "192.0.2.1", "2001:db8::1"]);
    for name in [
        NAME,
        "any.wild.test",
        "192.0.2.1",
        "2001:db8::1",
        "[2001:db8::1]",
    ] {
        assert_eq!(end(&pki.identity, &client(name, &pki.ca)), None, "{name}");
    }
}

#[test]
fn a_new_certificate_is_for_new_clients_and_costs_no_connection() {
    let (first, mut world) = serving(&[1]);
    let second = Pki::new();
    let stays = world.connect(&first.client());
    world.run("connected", move |world| world.peers[stays].connected);
    world.server.set_identity(&second.identity).unwrap();
    let comes = world.connect(&second.client());
    world.run("connected", move |world| world.peers[comes].connected);
    for at in [stays, comes] {
        let id = world.peers[at].client.get("/1", None);
        world.run("an answer", move |world| {
            world.peers[at].finished.contains(&id)
        });
        assert_eq!(world.peers[at].end, None);
    }
    world.check_accounts();
}

#[test]
fn another_name_is_refused_and_the_right_ones_are_told() {
    let some = [NAME, "192.0.2.1", "2001:db8::1"];
    for (names, asked) in [
        (&some[..], "other.test"),
        (&some, "192.0.2.2"),
        (&some, "2001:db8::2"),
        (&some, "sub.server.test"),
        // A DNS name must not stand for an address.
        (&["192.0.2.1.test"], "192.0.2.1"),
        // A star stands for a whole label.
        (&["s*.test"], NAME),
    ] {
        let pki = Pki::with_names(names);
        let kind = refused(&pki.identity, &client(asked, &pki.ca));
        let names = names.iter().map(ToString::to_string).collect();
        assert_eq!(kind, Kind::Name { names }, "{asked}");
    }
}

#[test]
fn a_common_name_is_no_name() {
    // Without a subject alternative name, and beside one that is an address alone.
    for names in [&[][..], &["192.0.2.9"]] {
        let (ca, identity) = with_common_name(NAME, names);
        let client = client(NAME, &ca);
        let names = names.iter().map(ToString::to_string).collect();
        assert_eq!(refused(&identity, &client), Kind::Name { names });
    }
    let (ca, identity) = with_common_name(NAME, &[]);
    let text = end(&identity, &client(NAME, &ca)).map(|end| end.to_string());
    let text = text.unwrap_or_default();
    for word in ["common name", "RFC 9525", "subjectAltName=DNS:server.test"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn a_stranger_is_refused() {
    let (pki, other) = (Pki::new(), Pki::new());
    let trusts_other = client(NAME, &other.ca);
    assert_eq!(refused(&pki.identity, &trusts_other), Kind::Untrusted);
    let system = ClientConfig::new(NAME, 443, Trust::System);
    assert_eq!(refused(&pki.identity, &system), Kind::Untrusted);

    let text = match end(&pki.identity, &trusts_other) {
        Some(end) => end.to_string(),
        None => panic!("believed"),
    };
    assert!(text.contains("Trust the authority"), "{text}");
}

#[test]
fn time_counts() {
    let authority = Authority::new().unwrap();
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let issue = |from, until| {
        let names = [NAME.to_owned()];
        world::identity(&authority.issue(&names, Validity { from, until }).unwrap())
    };
    let trusting = client(NAME, &authority.pem());
    let past = issue(now - 2 * day, now - day);
    assert!(matches!(refused(&past, &trusting), Kind::Expired { .. }));
    let future = issue(now + day, now + 2 * day);
    assert!(matches!(
        refused(&future, &trusting),
        Kind::NotYetValid { .. }
    ));
    assert_eq!(end(&issue(now - day, now + day), &trusting), None);
}

#[test]
fn the_server_s_own_certificate_can_be_trusted_alone() {
    let authority = Authority::new().unwrap();
    let pem = authority
        .issue(&[NAME.to_owned()], Validity::days(1))
        .unwrap();
    let identity = world::identity(&pem);
    assert_eq!(end(&identity, &client(NAME, &pem.certificate)), None);
    let kind = refused(&identity, &client("other.test", &pem.certificate));
    assert!(matches!(kind, Kind::Name { .. }), "{kind:?}");
    // Another certificate of the same authority is not that one.
    let sibling = authority
        .issue(&[NAME.to_owned()], Validity::days(1))
        .unwrap();
    assert_eq!(
        refused(&identity, &client(NAME, &sibling.certificate)),
        Kind::Untrusted
    );
}

#[test]
fn self_signed_is_its_own_authority() {
    let pem = cert::self_signed(&["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let identity = world::identity(&pem);
    for name in ["localhost", "127.0.0.1"] {
        assert_eq!(
            end(&identity, &client(name, &pem.certificate)),
            None,
            "{name}"
        );
    }
    let stranger = Pki::new();
    assert_eq!(
        refused(&identity, &client("localhost", &stranger.ca)),
        Kind::Untrusted
    );
    let anyone = ClientConfig::new("whoever.test", 443, Trust::Anyone);
    assert_eq!(end(&identity, &anyone), None);
}
