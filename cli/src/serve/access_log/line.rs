//! `Line`: a response in the log.
//!
//! JSON lines, because the Combined Log Format has no field for the duration or for a response that
//! was cut off, and programs differ on how it escapes what a client sends.
//!
//! ```json
//! {"time":1767225600.123,"client":"192.0.2.7:50000","method":"GET","path":"/a","protocol":"HTTP/3","status":200,"bytes":5000,"seconds":0.012345,"user_agent":"curl/8.18.0","cut_off":null}
//! ```
//!
//! `time` is when the response was over, in seconds since 1970; `seconds`, how long it took since
//! the request's header section came; `bytes`, how much of its body was passed to the transport.
//! `status` is null if there was none yet. `cut_off` says by whom: `"client"` or `"server"` ended
//! the response, or `"connection"`, that with which it ended; null is a whole response.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xskit::quic::{Ending, Served};

/// What one line says.
pub(super) struct Line<'a> {
    time: Duration,
    client: SocketAddr,
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    status: Option<u16>,
    bytes: u64,
    duration: Duration,
    user_agent: Option<&'a str>,
    cut_off: Option<&'static str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(served: &Served<'a>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            time: now.unwrap_or_default(),
            client: served.peer(),
            method: served.method(),
            path: served.path(),
            protocol: served.protocol(),
            status: served.status(),
            bytes: served.body_bytes(),
            duration: served.duration(),
            user_agent: served.user_agent(),
            cut_off: match served.ending() {
                Ending::Complete => None,
                Ending::GivenUp => Some("client"),
                Ending::BrokenOff => Some("server"),
                _ => Some("connection"),
            },
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        let (time, duration) = (self.time, self.duration);
        // Writing to a string can't fail.
        let _ = write!(
            out,
            "{{\"time\":{}.{:03}",
            time.as_secs(),
            time.subsec_millis()
        );
        let _ = write!(out, ",\"client\":\"{}\",\"method\":", self.client);
        quote(out, self.method);
        out.push_str(",\"path\":");
        quote(out, self.path);
        let _ = write!(out, ",\"protocol\":\"{}\",\"status\":", self.protocol);
        match self.status {
            Some(status) => _ = write!(out, "{status}"),
            None => out.push_str("null"),
        }
        let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
        let _ = write!(
            out,
            ",\"bytes\":{},\"seconds\":{seconds}.{micros:06}",
            self.bytes
        );
        out.push_str(",\"user_agent\":");
        quote_or_null(out, self.user_agent);
        out.push_str(",\"cut_off\":");
        quote_or_null(out, self.cut_off);
        out.push_str("}\n");
    }
}

fn quote_or_null(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => quote(out, text),
        None => out.push_str("null"),
    }
}

/// A JSON string with all but printable ASCII escaped: a terminal obeys nothing in it, and a
/// program reads what the client sent.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn line(path: &str) -> Line<'_> {
        Line {
            time: Duration::from_millis(1_767_225_600_123),
            client: ([192, 0, 2, 7], 50_000).into(),
            method: "GET",
            path,
            protocol: "HTTP/3",
            status: Some(200),
            bytes: 5000,
            duration: Duration::from_micros(12_345),
            user_agent: None,
            cut_off: None,
        }
    }

    pub(in super::super) fn text(line: &Line<'_>) -> String {
        let mut text = String::new();
        line.write(&mut text);
        text
    }

    #[test]
    fn a_line() {
        assert_eq!(
            text(&line("/a?b=c")),
            "{\"time\":1767225600.123,\"client\":\"192.0.2.7:50000\",\"method\":\"GET\",\
             \"path\":\"/a?b=c\",\"protocol\":\"HTTP/3\",\"status\":200,\"bytes\":5000,\
             \"seconds\":0.012345,\"user_agent\":null,\"cut_off\":null}\n"
        );
    }

    #[test]
    fn whatever_clients_send_it_is_one_line_of_ascii_that_reads_back() {
        for hostile in [
            "\"},\\",
            "\r\n{}\0\u{1b}]0;x\u{7}\u{7f}\u{9b}2J",
            "\u{202e}\u{200b}\u{feff}\u{2028}",
            "ä漢\u{1f600}\u{e0001}",
        ] {
            let mut written = line(hostile);
            (written.method, written.user_agent) = (hostile, Some(hostile));
            (written.status, written.cut_off) = (None, Some("client"));
            let text = text(&written);
            let line = text.strip_suffix('\n').unwrap();
            assert!(
                line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{line}"
            );
            let read: serde_json::Value = serde_json::from_str(line).unwrap();
            for name in ["method", "path", "user_agent"] {
                assert_eq!(read[name], hostile);
            }
            assert!(read["status"].is_null() && read["cut_off"] == "client");
        }
    }
}
