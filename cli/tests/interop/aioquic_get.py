"""Fetches URLs over HTTP/3 with aioquic and prints what came, as JSON.

Every connection fetches every URL, one stream each, all at once. The printed list has one object
a fetch: connection (its number), url, status, length (bytes of the body) and sha256 of the body.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from urllib.parse import urlsplit

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset


class Fetch:
    """One response, hashed as it comes."""

    def __init__(self):
        self.status = None
        self.length = 0
        self.sha256 = hashlib.sha256()
        self.done = asyncio.get_running_loop().create_future()

    def fail(self, reason):
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))

    def handle(self, event):
        if isinstance(event, HeadersReceived) and self.status is None:
            self.status = int(dict(event.headers)[b":status"])
        elif isinstance(event, DataReceived):
            self.length += len(event.data)
            self.sha256.update(event.data)
        if event.stream_ended and not self.done.done():
            self.done.set_result(None)


class Http3(QuicConnectionProtocol):
    """HTTP/3 on one QUIC connection."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.fetches = {}

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for fetch in self.fetches.values():
                fetch.fail(f"connection ended: {event.error_code:#x} {event.reason_phrase}")
        elif isinstance(event, StreamReset) and event.stream_id in self.fetches:
            self.fetches[event.stream_id].fail(f"stream reset: {event.error_code:#x}")
        for http_event in self.http.handle_event(event):
            if fetch := self.fetches.get(getattr(http_event, "stream_id", None)):
                fetch.handle(http_event)

    async def get(self, url):
        stream = self._quic.get_next_available_stream_id()
        fetch = self.fetches[stream] = Fetch()
        headers = [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", url.netloc.encode()),
            (b":path", (url.path or "/").encode()),
        ]
        self.http.send_headers(stream, headers, end_stream=True)
        self.transmit()
        await fetch.done
        return fetch


async def fetch_all(number, urls, ca):
    """Fetches every URL on one connection."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN)
    # Room for a window's worth while Python is busy elsewhere.
    configuration.max_data = 16 << 20
    configuration.max_stream_data = 8 << 20
    configuration.load_verify_locations(cafile=ca)
    host, port = urls[0].hostname, urls[0].port or 443
    async with connect(
        host, port, configuration=configuration, create_protocol=Http3
    ) as client:
        fetches = await asyncio.gather(*(client.get(url) for url in urls))
    return [
        {
            "connection": number,
            "url": url.geturl(),
            "status": fetch.status,
            "length": fetch.length,
            "sha256": fetch.sha256.hexdigest(),
        }
        for url, fetch in zip(urls, fetches)
    ]


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ca", required=True, help="PEM file of the authority to trust")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300, help="seconds for everything")
    parser.add_argument("urls", nargs="+", type=urlsplit, help="all of one server")
    args = parser.parse_args()
    if len({url.netloc for url in args.urls}) != 1:
        parser.error("the URLs name more than one server")
    connections = (fetch_all(i, args.urls, args.ca) for i in range(args.connections))
    results = await asyncio.wait_for(asyncio.gather(*connections), args.timeout)
    json.dump([fetch for fetches in results for fetch in fetches], sys.stdout, indent=1)


if __name__ == "__main__":
    asyncio.run(main())
