//! The URL of `get`, and its addresses.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use http::Uri;

use crate::args::Resolve;
use crate::zone;

/// The parts of an `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Host name or address, IPv6 without brackets.
    pub(crate) host: String,
    /// The zone of a link-local address, as it was given.
    pub(crate) zone: Option<String>,
    pub(crate) port: u16,
    /// Path and query, as they go into the request.
    pub(crate) path: String,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (plain, zone) = without_zone(text);
        let uri: Uri = plain
            .parse()
            .with_context(|| format!("{text:?} is not a URL; use https://HOST[:PORT]/PATH"))?;
        ensure!(
            uri.scheme_str() == Some("https"),
            "{text:?} is not an https URL: HTTP/3 has no other kind; use https://HOST[:PORT]/PATH"
        );
        let host = uri.host().unwrap_or_default();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        ensure!(
            !host.is_empty(),
            "{text:?} names no host: use https://HOST[:PORT]/PATH"
        );
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        ensure!(
            !authority.contains('@'),
            "{text:?} names a user, and xskit sends no credentials; use https://HOST[:PORT]/PATH"
        );
        let port = port(&uri).with_context(|| {
            format!("{text:?} has no valid port: use https://HOST[:PORT]/PATH, PORT 1 to 65535")
        })?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host: host.to_owned(),
            zone: zone.map(str::to_owned),
            port,
            path: in_ascii(path),
        })
    }
}

/// The URL without the zone of its address, and the zone: `[fe80::1%25eth1]` (RFC 6874), or, as
/// people write it, `[fe80::1%eth1]`.
fn without_zone(text: &str) -> (String, Option<&str>) {
    let zoned = text.split_once("://[").and_then(|(_, rest)| {
        let (address, _) = rest.split_once(']')?;
        address.split_once('%')
    });
    let Some((_, written)) = zoned else {
        return (text.to_owned(), None);
    };
    let zone = written.strip_prefix("25").filter(|zone| !zone.is_empty());
    let plain = text.replacen(&format!("%{written}]"), "]", 1);
    (plain, Some(zone.unwrap_or(written)))
}

/// What is not ASCII, percent-encoded (RFC 3986, section 2.5).
fn in_ascii(path: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

/// The port in the URL, or that of https; `None` if it is not a port.
fn port(uri: &Uri) -> Option<u16> {
    let authority = uri.authority()?.as_str();
    match authority.rsplit_once(':') {
        // What follows the last colon of an IPv6 address ends in its bracket.
        Some((_, port)) if !port.is_empty() && !port.ends_with(']') => {
            port.parse().ok().filter(|port| *port > 0)
        }
        _ => Some(443),
    }
}

impl Target {
    /// The server's addresses, in the order to try them: from `overrides`, from the URL, or looked
    /// up by the system within `timeout`.
    pub(crate) fn resolve(
        &self,
        overrides: &[Resolve],
        timeout: Duration,
    ) -> anyhow::Result<Vec<SocketAddr>> {
        let is_meant = |entry: &&Resolve| {
            entry.host.eq_ignore_ascii_case(&self.host) && entry.port == self.port
        };
        let given: Vec<SocketAddr> = overrides
            .iter()
            .filter(is_meant)
            .map(|entry| zone::with(SocketAddr::new(entry.address, self.port), entry.zone))
            .collect();
        if !given.is_empty() {
            return Ok(given);
        }
        let host = match &self.zone {
            Some(zone) => format!("{}%{zone}", self.host),
            None => self.host.clone(),
        };
        if self.zone.is_some() || self.host.parse::<IpAddr>().is_ok() {
            let (address, zone) = zone::address(&host)?;
            return Ok(vec![zone::with(SocketAddr::new(address, self.port), zone)]);
        }
        let addresses = self.look_up(timeout)?;
        ensure!(
            !addresses.is_empty(),
            "{} has no address; try --resolve",
            self.host
        );
        Ok(alternate(addresses))
    }

    /// Asks the system, on a thread, because its own time limits are not ours.
    fn look_up(&self, timeout: Duration) -> anyhow::Result<Vec<SocketAddr>> {
        let host = &self.host;
        let name = (host.clone(), self.port);
        let (answer, answered) = mpsc::channel();
        thread::spawn(move || {
            // Fails if the time is over.
            let _ = answer.send(name.to_socket_addrs().map(Iterator::collect));
        });
        let found = answered.recv_timeout(timeout).map_err(|_| {
            anyhow!("looking up {host} took longer than {timeout:?} (--timeout); try --resolve")
        })?;
        found.map_err(|error| anyhow!("looking up {host}: {error}; try --resolve"))
    }
}

/// Addresses of both families alternately, each family in its order (RFC 8305, section 4).
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_first = |it: &SocketAddr| {
        addresses
            .first()
            .is_some_and(|a| a.is_ipv6() == it.is_ipv6())
    };
    let (first, second): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(is_first);
    let longer = first.len().max(second.len());
    (0..longer)
        .flat_map(|at| [first.get(at), second.get(at)])
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::{Target, alternate};
    use crate::args::Resolve;

    fn target(text: &str) -> (String, u16, String) {
        let target: Target = text.parse().expect("a target");
        (target.host, target.port, target.path)
    }

    #[test]
    fn urls_are_taken_apart() {
        let is = |text, host: &str, port, path: &str| {
            assert_eq!(target(text), (host.to_owned(), port, path.to_owned()));
        };
        is("https://example.net", "example.net", 443, "/");
        is("https://example.net:/x", "example.net", 443, "/x");
        is("https://[fd00::1]/", "fd00::1", 443, "/");
        is(
            "https://10.0.0.1:4433/a/b?c=d",
            "10.0.0.1",
            4433,
            "/a/b?c=d",
        );
        is("https://[fd00::1]:1/x%20y", "fd00::1", 1, "/x%20y");
        is("https://[fe80::1%25eth1]:4433/x", "fe80::1", 4433, "/x");
        is("https://a.test/ä?ö#x", "a.test", 443, "/%C3%A4?%C3%B6");
    }

    #[test]
    fn other_urls_are_refused_with_what_to_use() {
        for text in [
            "http://example.net/",
            "example.net/x",
            "",
            "https://",
            "https:///x",
            "https://example.net:99999/",
            "https://example.net:0/",
            "https://[fd00::1]:99999/",
            "https://user@example.net/",
            "https://user:4433@example.net/",
        ] {
            let error = text.parse::<Target>().expect_err("refused");
            assert!(
                format!("{error:#}").contains(&format!("{text:?}")),
                "{error:#}"
            );
        }
    }

    #[test]
    fn an_override_wins_for_its_host_and_port_only() {
        let overrides: Vec<Resolve> = [
            "a.test:443:10.0.0.1",
            "a.test:444:[fd00::1]",
            "a.test:443:10.0.0.2",
        ]
        .map(|t| t.parse().expect("valid"))
        .into();
        let address = |url: &str| {
            let target: Target = url.parse().expect("a target");
            let found = target
                .resolve(&overrides, Duration::MAX)
                .expect("addresses");
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            found.join(" ")
        };
        assert_eq!(address("https://a.test/"), "10.0.0.1:443 10.0.0.2:443");
        assert_eq!(address("https://A.Test/"), "10.0.0.1:443 10.0.0.2:443");
        assert_eq!(address("https://a.test:444/"), "[fd00::1]:444");
        assert_eq!(address("https://10.9.9.9/"), "10.9.9.9:443");
        assert_eq!(address("https://[fe80::1%257]/"), "[fe80::1%7]:443");
        assert_eq!(address("https://[fe80::1%7]/"), "[fe80::1%7]:443");
        assert!("a.test:443".parse::<Resolve>().is_err());
    }

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts
                .iter()
                .map(|text| text.parse().expect("valid"))
                .collect()
        };
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"];
        let turns = ["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"];
        assert_eq!(alternate(addresses(&given)), addresses(&turns));
        let given = ["10.0.0.1:1", "10.0.0.2:1", "[::1]:1"];
        let turns = ["10.0.0.1:1", "[::1]:1", "10.0.0.2:1"];
        assert_eq!(alternate(addresses(&given)), addresses(&turns));
        assert_eq!(alternate(Vec::new()), Vec::new());
    }
}
