//! A route socket: requests to the kernel and its answers. Errors keep their errno.
//!
//! The kernel answers a request within `send(2)`, so waiting for the answers needs no timeout.
//! References: netlink(7), rtnetlink(7).
//!
//! Public only for `xskit-testbed`: its messages are those of netlink-packet-route, whose version
//! may change.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator, parse_string,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::io::Errno;

use crate::error::{Error, Result, errno_of};

/// The kernel sends no answer in pieces larger than 32 KiB (`NLMSG_GOODSIZE` and dump buffers).
const RECEIVE_LEN_BYTES: usize = 64 * 1024;
/// A table that changes while it is read is read again, at most this often.
const DUMP_ATTEMPTS: u32 = 5;
/// `NLMSGERR_ATTR_MSG` of linux/netlink.h: the kernel's text in an extended acknowledgement.
const ERROR_ATTRIBUTE_MESSAGE: u16 = 1;
/// `struct nlmsghdr`.
pub(crate) const HEADER_LEN_BYTES: usize = 16;

/// A connected `NETLINK_ROUTE` socket in the network namespace of the thread that opened it.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    received: Vec<u8>,
}

/// What one message of an answer means for the exchange.
enum Step {
    Answer(RouteNetlinkMessage),
    Finished,
    Ignored,
}

impl Netlink {
    /// Opens the socket.
    ///
    /// # Errors
    /// [`Error::Call`] if one of the calls fails; [`Error::MissingCapability`] for EPERM.
    pub fn open() -> Result<Self> {
        let socket = connect("ask the kernel about interfaces")?;
        // Both only improve error texts (Linux 4.12), so an older kernel's refusal doesn't matter.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        Ok(Self {
            socket,
            sequence: 0,
            received: Vec::with_capacity(RECEIVE_LEN_BYTES),
        })
    }

    /// Queries one object. `request` names message and subject in errors.
    pub(crate) fn get(
        &mut self,
        request: &str,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>> {
        Ok(self
            .exchange(request, message, NLM_F_REQUEST | NLM_F_ACK)?
            .0)
    }

    /// Queries a whole table.
    pub(crate) fn dump(
        &mut self,
        request: &str,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..DUMP_ATTEMPTS {
            let (answers, was_interrupted) =
                self.exchange(request, message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            if !was_interrupted {
                return Ok(answers);
            }
        }
        Err(Error::Refused {
            request: request.to_owned(),
            errno: Errno::AGAIN,
            reason: None,
        })
    }

    /// Requests a change. `request` names message and subject in errors; `flags` are further
    /// `NLM_F_*`.
    ///
    /// # Errors
    /// [`Error::MissingCapability`] without CAP_NET_ADMIN; [`Error::Refused`] if the kernel
    /// refuses; [`Error::Malformed`] if its answer can't be read.
    pub fn change(
        &mut self,
        request: &str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<()> {
        self.exchange(request, message, NLM_F_REQUEST | NLM_F_ACK | flags)
            .map(drop)
    }

    /// Sends `message` and collects the answers up to the acknowledgement. Also returns whether the
    /// table changed meanwhile.
    fn exchange(
        &mut self,
        request: &str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(Vec<RouteNetlinkMessage>, bool)> {
        self.send(request, message, flags)?;
        let mut answers = Vec::new();
        let mut was_interrupted = false;
        loop {
            self.receive(request)?;
            let mut rest = self.received.as_slice();
            while !rest.is_empty() {
                let message =
                    NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|e| {
                        Error::Malformed {
                            request: request.to_owned(),
                            detail: e.to_string(),
                        }
                    })?;
                // Messages start at multiples of four bytes; the last one may lack its padding.
                let len = (message.header.length as usize).next_multiple_of(4);
                rest = rest.get(len..).unwrap_or_default();
                was_interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match self.step(request, message)? {
                    Step::Answer(answer) => answers.push(answer),
                    Step::Finished => return Ok((answers, was_interrupted)),
                    Step::Ignored => {}
                }
            }
        }
    }

    fn send(&mut self, request: &str, message: RouteNetlinkMessage, flags: u16) -> Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        // A refusal of the request comes as an answer; this fails only if the socket does.
        self.socket
            .send(&bytes, 0)
            .map(drop)
            .map_err(|e| refused(request, errno_of(&e), None))
    }

    /// Reads one datagram into `self.received`.
    fn receive(&mut self, request: &str) -> Result<()> {
        loop {
            self.received.clear();
            match self.socket.recv(&mut self.received, libc::MSG_TRUNC) {
                Ok(len) if len == self.received.len() => return Ok(()),
                Ok(len) => {
                    let detail = format!(
                        "{len} bytes came at once, at most {RECEIVE_LEN_BYTES} were expected"
                    );
                    return Err(Error::Malformed {
                        request: request.to_owned(),
                        detail,
                    });
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(refused(request, errno_of(&e), None)),
            }
        }
    }

    fn step(&self, request: &str, message: NetlinkMessage<RouteNetlinkMessage>) -> Result<Step> {
        if message.header.sequence_number != self.sequence {
            return Ok(Step::Ignored);
        }
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => Ok(Step::Answer(answer)),
            NetlinkPayload::Error(error) => match error.code {
                None => Ok(Step::Finished),
                Some(code) => {
                    let reason = kernel_sentence(message.header.flags, &error.header);
                    Err(refused(request, errno_from_code(code.get()), reason))
                }
            },
            NetlinkPayload::Done(done) if done.code < 0 => {
                Err(refused(request, errno_from_code(done.code), None))
            }
            NetlinkPayload::Done(_) => Ok(Step::Finished),
            NetlinkPayload::Overrun(_) => Err(refused(request, Errno::OVERFLOW, None)),
            _ => Ok(Step::Ignored),
        }
    }
}

/// `socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE)`, bound and connected to the
/// kernel, so that no other process can inject an answer or announcement.
pub(crate) fn connect(purpose: &str) -> Result<Socket> {
    let failed = |call| move |error| Error::call(call, "CAP_NET_ADMIN", purpose, errno_of(&error));
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed("socket(AF_NETLINK)"))?;
    socket.bind_auto().map_err(failed("bind(AF_NETLINK)"))?;
    let kernel = SocketAddr::new(0, 0);
    socket
        .connect(&kernel)
        .map_err(failed("connect(AF_NETLINK)"))?;
    Ok(socket)
}

/// Netlink carries an errno as a negative number. A number that is not an errno becomes EPROTO.
fn errno_from_code(code: i32) -> Errno {
    match code.checked_neg() {
        Some(number @ 1..=4095) => Errno::from_raw_os_error(number),
        _ => Errno::PROTO,
    }
}

fn refused(request: &str, errno: Errno, reason: Option<String>) -> Error {
    match errno {
        Errno::PERM => Error::MissingCapability {
            capability: "CAP_NET_ADMIN",
            purpose: format!("change the network (netlink request {request})"),
        },
        _ => Error::Refused {
            request: request.to_owned(),
            errno,
            reason,
        },
    }
}

/// The kernel's text in an extended acknowledgement: an attribute after the echoed request, of
/// which a capped one has only the header.
fn kernel_sentence(flags: u16, echoed: &[u8]) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request_len = if flags & NLM_F_CAPPED != 0 {
        HEADER_LEN_BYTES
    } else {
        let length: [u8; 4] = echoed.get(..4)?.try_into().ok()?;
        (u32::from_ne_bytes(length) as usize).checked_next_multiple_of(4)?
    };
    NlasIterator::new(echoed.get(request_len..)?)
        .map_while(std::result::Result::ok)
        .find(|attribute| attribute.kind() == ERROR_ATTRIBUTE_MESSAGE)
        .and_then(|attribute| parse_string(attribute.value()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};

    #[test]
    fn an_error_keeps_its_errno_and_names_the_request_and_the_socket_works_on() {
        let mut missing = LinkMessage::default();
        let name = LinkAttribute::IfName("xsk-none".into());
        missing.attributes.push(name);
        let mut netlink = Netlink::open().unwrap();
        let get = RouteNetlinkMessage::GetLink(missing);
        let error = netlink.get("RTM_GETLINK xsk-none", get).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NODEV));
        let text = error.to_string();
        assert!(text.contains("RTM_GETLINK xsk-none"), "{text}");
        let all = RouteNetlinkMessage::GetLink(LinkMessage::default());
        assert!(!netlink.dump("RTM_GETLINK", all).unwrap().is_empty());
    }

    #[test]
    fn the_sentence_is_found_behind_a_capped_or_whole_request() {
        // One attribute: length 7 (4 of header, "no", NUL), kind 1, one byte of padding.
        let attribute = [7u16.to_ne_bytes(), 1u16.to_ne_bytes(), *b"no", [0, 0]].concat();
        let mut capped = vec![0; HEADER_LEN_BYTES];
        capped.extend_from_slice(&attribute);
        let mut whole = vec![0; 24];
        whole[..4].copy_from_slice(&22u32.to_ne_bytes());
        whole.extend_from_slice(&attribute);
        let is_capped = NLM_F_ACK_TLVS | NLM_F_CAPPED;
        for (flags, bytes, sentence) in [
            (is_capped, &capped[..], Some("no")),
            (NLM_F_ACK_TLVS, &whole, Some("no")),
            (0, &capped, None),
            (NLM_F_ACK_TLVS, &[0xff; 8], None),
        ] {
            assert_eq!(
                kernel_sentence(flags, bytes).as_deref(),
                sentence,
                "{bytes:?}"
            );
        }
        // The last byte is padding, which may be missing.
        for len in 0..capped.len() - 1 {
            assert_eq!(kernel_sentence(is_capped, &capped[..len]), None, "{len}");
        }
    }

    #[test]
    fn a_code_that_is_no_errno_is_not_trusted() {
        assert_eq!(errno_from_code(-19), Errno::NODEV);
        for code in [0, 7, i32::MIN, -4096] {
            assert_eq!(errno_from_code(code), Errno::PROTO);
        }
    }
}
