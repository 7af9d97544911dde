//! What a load balancer reads in a server's connection ids: `quic-lb:0xa1b2c3d4e5f60718`,
//! `katran:1092`.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use xskit::quic::server::{ConnectionIdFormat, HostBits, Katran, QuicLb, RandomIds};

const CHOICE: &str =
    "use random, quic-lb:SERVER-ID[,config=0..6][,nonce=4..18], or katran:HOST[,bits=16|24|32]";
const SERVER_ID: &str = "a QUIC-LB server id is 0x and two hexadecimal digits for each byte, such as \
                         0xa1b2c3d4e5f60718";

/// The length of the ids that AWS's load balancer takes: by default the nonce fills it up.
const USUAL_BYTES: usize = 16;
/// The default length of the nonce if a long server id leaves less.
const LEAST_USUAL_NONCE: usize = 7;

/// A format, by its name.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionIds(pub(crate) Arc<dyn ConnectionIdFormat>);

impl FromStr for ConnectionIds {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let mut parts = value.split(',');
        let value = parts.next().unwrap_or_default();
        let options = Options::read(parts)?;
        Ok(Self(match name {
            "random" if text == "random" => Arc::new(RandomIds),
            "quic-lb" => Arc::new(quic_lb(value, &options)?),
            "katran" => Arc::new(katran(value, &options)?),
            _ => bail!("{CHOICE}"),
        }))
    }
}

fn quic_lb(server_id: &str, options: &Options<'_>) -> anyhow::Result<QuicLb> {
    options.only(&["config", "nonce"])?;
    let server_id = bytes(server_id).context(SERVER_ID)?;
    let usual = USUAL_BYTES.saturating_sub(1 + server_id.len());
    let nonce = options
        .number("nonce")?
        .unwrap_or(usual.max(LEAST_USUAL_NONCE));
    let config = options.number("config")?.unwrap_or(0);
    Ok(QuicLb::new(config, &server_id, nonce)?)
}

fn katran(host: &str, options: &Options<'_>) -> anyhow::Result<Katran> {
    options.only(&["bits"])?;
    let host = host
        .parse()
        .context("a Katran host is a number of 16 bits, or of 24 or 32 with bits=")?;
    let bits = match options.number("bits")?.unwrap_or(16) {
        16 => HostBits::Sixteen,
        24 => HostBits::TwentyFour,
        32 => HostBits::ThirtyTwo,
        _ => bail!("{CHOICE}"),
    };
    Ok(Katran::new(host, bits)?)
}

/// `0x` and hexadecimal digits, at least two.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| !digits.is_empty())?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// What follows the value, each `name=number`.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    fn read(parts: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        let pairs = parts.map(|part| part.split_once('=')).collect();
        Ok(Self(Option::context(pairs, CHOICE)?))
    }

    fn only(&self, names: &[&str]) -> anyhow::Result<()> {
        let known = self.0.iter().all(|(name, _)| names.contains(name));
        ensure!(known, "{CHOICE}");
        Ok(())
    }

    fn number<T: FromStr>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let mut found = self.0.iter().filter(|(known, _)| *known == name);
        let number = found.next().map(|(_, value)| value.parse());
        ensure!(found.next().is_none(), "{name}= is given twice: {CHOICE}");
        let number = number.transpose().ok();
        number.with_context(|| format!("{name}= is not a valid number: {CHOICE}"))
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionIds;

    /// A new id of worker 3, all of whose random bits are set.
    fn id(text: &str) -> Vec<u8> {
        let format = text.parse::<ConnectionIds>().expect(text).0;
        let mut id = vec![0xff; format.len_bytes()];
        format.stamp(&mut id, Some(3));
        assert_eq!(format.worker_of(&id), Some(3), "{text}");
        id
    }

    #[test]
    fn each_format_has_its_ids() {
        assert_eq!(id("random"), [3, 255, 255, 255, 255, 255, 255, 255]);
        let aws = id("quic-lb:0xa1b2c3d4E5F60718");
        assert_eq!(aws.len(), 16);
        assert_eq!(
            aws[..9],
            [15, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18]
        );
        let short = id("quic-lb:0x07,nonce=6,config=2");
        assert_eq!(short.len(), 8);
        assert_eq!(short[..2], [0x47, 7]);
        assert_eq!(id("quic-lb:0x0102030405060708090a0b0c").len(), 20);
        assert_eq!(id("katran:1026")[..4], [0x41, 0, 0x80, 0xff]);
        assert_eq!(id("katran:197700,bits=24")[..5], [0xbf, 3, 4, 0x44, 3]);
        assert_eq!(id("katran:1,bits=32")[..6], [0xff, 0, 0, 0, 1, 3]);
    }

    #[test]
    fn what_is_refused_says_what_is_possible() {
        for (wrong, words) in [
            ("", "random, quic-lb:"),
            ("random:", "random, quic-lb:"),
            ("random,x=1", "random, quic-lb:"),
            ("maglev:1", "random, quic-lb:"),
            ("quic-lb", "0x and two hexadecimal digits"),
            ("quic-lb:0x", "0x and two hexadecimal digits"),
            ("quic-lb:a1", "0x and two hexadecimal digits"),
            ("quic-lb:0xa", "0x and two hexadecimal digits"),
            ("quic-lb:0xé1", "0x and two hexadecimal digits"),
            ("quic-lb:0x01,config=7", "0 to 6"),
            ("quic-lb:0x01,config=-1", "config= is not a valid number"),
            ("quic-lb:0x01,config=1,config=2", "config= is given twice"),
            ("quic-lb:0x01,nonce=3", "at least 4"),
            ("quic-lb:0x01,nonce=5", "8 to 20"),
            ("quic-lb:0x01,nonce=", "nonce= is not a valid number"),
            ("quic-lb:0x01,", "nonce=4..18"),
            ("quic-lb:0x01,bits=16", "config=0..6"),
            ("katran:", "number of 16 bits"),
            ("katran:0x1", "number of 16 bits"),
            ("katran:65536", "24 or 32"),
            ("katran:1,bits=8", "bits=16|24|32"),
        ] {
            let error = wrong.parse::<ConnectionIds>().expect_err(wrong);
            let told = format!("{error:#}");
            assert!(told.contains(words), "{wrong:?}: {told}");
        }
    }
}
