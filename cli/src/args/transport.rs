//! The sockets of `xskit serve`: AF_XDP, or the kernel's UDP.

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches, ValueEnum, value_parser};

use super::socket::{QueueChoice, TuningArgs};

/// The sockets, with their options.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    AfXdp(AfXdpArgs),
    Udp,
}

/// Options of `serve` over AF_XDP sockets.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct AfXdpArgs {
    /// The interface, by its name or an alternative name.
    #[arg(long, value_name = "IF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) iface: String,
    /// The queues of the interface to serve, each by its own thread, socket and UMEM: `all` active
    /// ones, or numbers such as 0,1.
    #[arg(long, value_name = "N,...", default_value = "all")]
    pub(crate) queue: QueueChoice,
    /// Also take packets tagged with these VLANs, and tag the answers alike. By default tagged
    /// packets go to the kernel.
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = value_parser!(u16).range(1..4095))]
    pub(crate) vlan: Vec<u16>,
    /// Take frames to any MAC address, not only to the interface's own.
    #[arg(long)]
    pub(crate) any_mac: bool,
    #[command(flatten)]
    pub(crate) tuning: TuningArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Socket")]
struct Choice {
    /// The kind of socket for UDP packets.
    #[arg(long, value_enum, default_value_t = Name::AfXdp)]
    transport: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// AF_XDP sockets on queues of --iface.
    AfXdp,
    /// One UDP socket of the kernel, with GSO and GRO, on any interface: it needs no capability,
    /// and takes neither --iface nor any other option of AF_XDP sockets.
    Udp,
}

impl Args for Transport {
    fn augment_args(command: Command) -> Command {
        let command = AfXdpArgs::augment_args(Choice::augment_args(command));
        command.mut_arg("iface", |iface| {
            iface
                .required(false)
                .required_unless_present("transport")
                .required_if_eq("transport", "af-xdp")
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        AfXdpArgs::augment_args_for_update(Choice::augment_args_for_update(command))
    }
}

impl FromArgMatches for Transport {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        match Choice::from_arg_matches(matches)?.transport {
            Name::AfXdp => Ok(Self::AfXdp(AfXdpArgs::from_arg_matches(matches)?)),
            Name::Udp => match of_af_xdp(matches) {
                None => Ok(Self::Udp),
                Some(option) => Err(Error::raw(
                    ErrorKind::ArgumentConflict,
                    format!(
                        "the argument '{option}' cannot be used with '--transport udp': it is for \
                         AF_XDP sockets\n"
                    ),
                )),
            },
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// An option that was given and means nothing to a UDP socket.
fn of_af_xdp(matches: &ArgMatches) -> Option<String> {
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let socket = AfXdpArgs::augment_args(Command::new("socket"));
    let mut options = socket.get_arguments();
    let given = options.find(|option| is_given(option.get_id().as_str()));
    Some(format!("--{}", given?.get_long()?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Transport;
    use crate::args;

    fn parse(words: &str) -> Result<Transport, String> {
        let usual = "xskit serve --listen 192.0.2.1:443 --root . --self-signed ";
        let line = usual.to_owned() + words;
        let args = args::Args::try_parse_from(line.split_whitespace());
        match args.map_err(|error| error.to_string())?.command {
            args::Command::Serve(args) => Ok(args.transport),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_interface_is_for_af_xdp_and_needed_there() {
        for words in ["--iface eth1", "--iface eth1 --transport af-xdp"] {
            let transport = parse(words).expect(words);
            assert!(matches!(&transport, Transport::AfXdp(it) if it.iface == "eth1"));
        }
        for words in ["", "--transport af-xdp", "--queue 1"] {
            let told = parse(words).expect_err(words);
            assert!(told.contains("--iface <IF>"), "{words}: {told}");
        }
        let transport = parse("--transport udp --max-connections 7 --user root");
        assert!(matches!(transport, Ok(Transport::Udp)));
    }

    #[test]
    fn what_says_nothing_to_a_udp_socket_is_refused() {
        for option in [
            "--iface eth1",
            "--queue 0",
            "--queue all",
            "--mode native",
            "--zero-copy auto",
            "--frames 8192",
            "--frame-size 2048",
            "--ring-size 64",
            "--huge-pages",
            "--numa-node 0",
            "--backend rustix",
            "--wait block",
            "--budget 64",
            "--busy-poll-us 20",
            "--vlan 7",
            "--any-mac",
        ] {
            let told = parse(&format!("--transport udp {option}")).expect_err(option);
            let name = option.split(' ').next().unwrap_or_default();
            assert!(
                told.contains(name) && told.contains("cannot be used with '--transport udp'"),
                "{option}: {told}"
            );
        }
    }
}
