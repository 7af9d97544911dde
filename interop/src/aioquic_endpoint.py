"""An endpoint of the QUIC interop runner over aioquic 1.3.0, as client and as server.

The environment configures it, with the runner's names: ROLE (client or server), TESTCASE, WWW,
CERTS, DOWNLOADS, SSLKEYLOGFILE, QLOGDIR and, for a client, REQUESTS: URLs of one server, of which
one without a file asks for no more than a connection. ALPN is h3 or hq-interop, by default h3 for
http3 and hq-interop for all other cases; a server takes both. LISTEN is a server's HOST:PORT.

The exit status is 127 for a case that aioquic can't do, and 1 if a client lacks a file or did not
see what its case is about. The last line on stdout is JSON: what the endpoint counted.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h0.connection import H0Connection
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.logger import QuicFileLogger
from aioquic.tls import CipherSuite

CASES = set(
    "handshake transfer longrtt chacha20 multiplexing retry resumption zerortt http3 blackhole"
    " keyupdate amplificationlimit multiconnect handshakeloss transferloss handshakecorruption"
    " transfercorruption ipv6 rebind-port rebind-addr goodput versionnegotiation".split()
)
CONNECTION_PER_FILE = {"multiconnect", "handshakeloss", "handshakecorruption"}
HTTP = {"h3": H3Connection, "hq-interop": H0Connection}
TICKET_SECONDS = 5
# aioquic writes a qlog once the connection has drained, under a name that both ends share.
DRAIN_SECONDS = 10 if os.environ.get("QLOGDIR") else 0.1

counts = {"connections": 0, "resumed": 0, "early_data_accepted": 0}


class Failed(Exception):
    """Why a client gives up, in words."""


class Endpoint(QuicConnectionProtocol):
    http = handshake = None

    def quic_event_received(self, event):
        if isinstance(event, events.HandshakeCompleted):
            self.handshake = event
            counts["connections"] += 1
            counts["resumed"] += event.session_resumed
            counts["early_data_accepted"] += event.early_data_accepted
        elif isinstance(event, events.ProtocolNegotiated) and not self.http:
            # Now, because HTTP/3 needs the peer's streams from their first bytes.
            self.http = HTTP[event.alpn_protocol](self._quic)
        for http_event in self.http.handle_event(event) if self.http else []:
            self.http_event_received(http_event)

    async def wait_closed(self):
        await asyncio.wait([asyncio.ensure_future(super().wait_closed())], timeout=DRAIN_SECONDS)


class Server(Endpoint):
    root = Path(os.environ.get("WWW", "/www")).resolve()

    def http_event_received(self, event):
        path = isinstance(event, HeadersReceived) and dict(event.headers).get(b":path")
        if not path:  # A request's body or trailers.
            return
        file = (self.root / os.fsdecode(path).lstrip("/")).resolve()
        if file.is_relative_to(self.root) and file.is_file():
            self.http.send_headers(event.stream_id, [(b":status", b"200")])
            self.http.send_data(event.stream_id, file.read_bytes(), end_stream=True)
        elif isinstance(self.http, H0Connection):
            # It has no status, and the end alone would be that of an empty file.
            self._quic.reset_stream(event.stream_id, error_code=1)
        else:
            self.http.send_headers(event.stream_id, [(b":status", b"404")], end_stream=True)


class Download:
    directory = Path(os.environ.get("DOWNLOADS", "/downloads"))

    def __init__(self, url, status):
        self.url, self.status, self.content = url, status, bytearray()
        self.done = asyncio.get_running_loop().create_future()

    def fail(self, why):
        if not self.done.done():
            self.done.set_exception(Failed(f"{self.url.geturl()}: {why}"))

    def receive(self, event):
        if isinstance(event, HeadersReceived) and not self.status:
            self.status = dict(event.headers)[b":status"]
        elif isinstance(event, DataReceived):
            self.content += event.data
        if event.stream_ended and self.status != b"200":
            self.fail(f"status {self.status.decode()}")
        elif event.stream_ended and not self.done.done():
            (self.directory / os.path.basename(self.url.path)).write_bytes(self.content)
            self.done.set_result(None)


class Client(Endpoint):
    downloads = {}  # By the number of their streams.
    reason = None  # Why the connection ended.

    def request(self, urls):
        """Asks for the files. aioquic holds back what the limit of streams does not let yet."""
        if not self.http:  # Early data.
            self.http = HTTP[self._quic.configuration.alpn_protocols[0]](self._quic)
        self.downloads = {}
        for url in (url for url in urls if os.path.basename(url.path)):
            stream = self._quic.get_next_available_stream_id()
            status = b"200" if isinstance(self.http, H0Connection) else None
            self.downloads[stream] = Download(url, status)
            headers = [(b":method", b"GET"), (b":scheme", b"https")]
            headers += [(b":authority", url.netloc.encode()), (b":path", url.path.encode())]
            self.http.send_headers(stream, headers, end_stream=True)
        self.transmit()
        responses = asyncio.gather(*(download.done for download in self.downloads.values()))
        responses.add_done_callback(asyncio.Future.exception)  # It may fail when no one waits yet.
        return responses

    def quic_event_received(self, event):
        if isinstance(event, events.ConnectionTerminated):
            self.reason = f"{event.error_code:#x} {event.reason_phrase}"
            for download in self.downloads.values():
                download.fail(f"the connection ended: {self.reason}")
        elif isinstance(event, events.StreamReset) and event.stream_id in self.downloads:
            self.downloads[event.stream_id].fail(f"the server reset it: {event.error_code:#x}")
        super().quic_event_received(event)

    def http_event_received(self, event):
        if download := self.downloads.get(getattr(event, "stream_id", None)):
            download.receive(event)


def configuration(is_client, alpn):
    # With aioquic's windows of 1 MiB, a sender waits for credit while Python is busy.
    config = QuicConfiguration(alpn, is_client=is_client, max_data=2**24, max_stream_data=2**23)
    config.idle_timeout = 120
    if path := os.environ.get("SSLKEYLOGFILE"):
        config.secrets_log_file = open(path, "a", buffering=1)
    if path := os.environ.get("QLOGDIR"):
        config.quic_logger = QuicFileLogger(path)
    certs = Path(os.environ.get("CERTS", "/certs"))
    if is_client:
        config.load_verify_locations(cadata=(certs / "ca.pem").read_bytes())
    else:
        config.load_cert_chain(certs / "cert.pem", certs / "priv.key")
    return config


async def serve(case):
    host, _, port = os.environ.get("LISTEN", "[::]:443").rpartition(":")
    config, tickets = configuration(False, list(HTTP)), {}
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # A handler of the loop would go with it, and a second signal then kill what is ending.
        signal.signal(number, lambda *_: loop.is_closed() or loop.call_soon_threadsafe(stop.set))
    transport, server = await loop.create_datagram_endpoint(
        lambda: QuicServer(
            configuration=config, create_protocol=Server, retry=case == "retry",
            # A ticket is good for one connection, so that early data can't be replayed.
            session_ticket_fetcher=lambda name: tickets.pop(name, None),
            session_ticket_handler=lambda ticket: tickets.update({ticket.ticket: ticket}),
        ),
        local_addr=(host.strip("[]"), int(port)),
    )
    host, port = transport.get_extra_info("sockname")[:2]
    print(f"listening on {f'[{host}]' if ':' in host else host}:{port}", flush=True)
    await stop.wait()
    connections = set(server._protocols.values())
    server.close()
    await asyncio.gather(*(connection.wait_closed() for connection in connections))


async def download(case, alpn):
    urls = [urlsplit(url) for url in os.environ.get("REQUESTS", "").split()]
    if len({url.netloc for url in urls}) != 1 or not urls[0].hostname:
        raise Failed("REQUESTS must name URLs of one server")
    if case in ("resumption", "zerortt"):
        if len(urls) < 2:
            raise Failed(f"{case} takes two URLs or more, and REQUESTS has one")
        ticket = await fetch(case, alpn, urls[:1], is_ticket_wanted=True)
        if case == "resumption":
            ticket.max_early_data_size = None  # Else aioquic would offer early data.
        await fetch(case, alpn, urls[1:], ticket=ticket)
    else:
        for group in [[url] for url in urls] if case in CONNECTION_PER_FILE else [urls]:
            await fetch(case, alpn, group)


async def fetch(case, alpn, urls, ticket=None, is_ticket_wanted=False):
    """Fetches the files on one connection, and returns its ticket if that is wanted."""
    config, tickets = configuration(True, [alpn]), asyncio.Queue()
    config.session_ticket = ticket
    if case == "chacha20":
        config.cipher_suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
    elif case == "versionnegotiation":
        # aioquic begins with the first: a number reserved for this (RFC 9000, section 15).
        config.supported_versions = [0x1A2A3A4A, 1]
    async with connect(
        urls[0].hostname, urls[0].port or 443, configuration=config, create_protocol=Client,
        session_ticket_handler=tickets.put_nowait, wait_connected=False,
    ) as client:
        try:
            await exchange(case, client, urls, is_resuming=ticket is not None)
            if is_ticket_wanted:
                return await asyncio.wait_for(tickets.get(), TICKET_SECONDS)
        except (ConnectionError, asyncio.TimeoutError):
            why = client.reason or f"no ticket within {TICKET_SECONDS} seconds"
            raise Failed(f"{urls[0].netloc}: {why}") from None


async def exchange(case, client, urls, is_resuming):
    responses = client.request(urls) if is_resuming and case == "zerortt" else None
    client.transmit()
    await client.wait_connected()
    quic = client._quic  # aioquic 1.3.0 shows Retry and versions by its own fields alone.
    for is_missed, what in [
        (is_resuming and not client.handshake.session_resumed, "resume the session"),
        (responses and not client.handshake.early_data_accepted, "accept the early data"),
        (case == "retry" and not quic._retry_count, "send Retry"),
        (case == "versionnegotiation" and not quic._version_negotiated_incompatible, "negotiate"),
    ]:
        if is_missed:
            raise Failed(f"the server did not {what}")
    responses = responses or client.request(urls)
    if case == "keyupdate":
        # The acknowledgement confirms the handshake (RFC 9001, section 4.1.2).
        await client.ping()
        if responses.done():
            raise Failed("the download ended before the key update: ask for a larger file")
        client.request_key_update()
        await client.ping()  # Acknowledged with the new keys, so the server has them, too.
    await responses


def main():
    role, case = os.environ.get("ROLE"), os.environ.get("TESTCASE")
    alpn = os.environ.get("ALPN") or ("h3" if case == "http3" else "hq-interop")
    if role not in ("client", "server") or case not in CASES or alpn not in HTTP:
        print(f"aioquic can't do ROLE={role} TESTCASE={case} ALPN={alpn}", file=sys.stderr)
        return 127
    try:
        asyncio.run(serve(case) if role == "server" else download(case, alpn))
    except (Failed, OSError) as error:
        sys.exit(f"{role}: {error}")
    finally:
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
