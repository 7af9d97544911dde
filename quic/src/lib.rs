//! QUIC and HTTP/3 over AF_XDP: a sans-IO endpoint over quiche and the driver that runs it.
