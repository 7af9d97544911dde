//! `HttpConfig`: the bounds of an HTTP/3 server.

/// What one connection, and all of them together, may cost. Make one with
/// [`HttpConfig::default`], then change what differs.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Files open at once, one for each response under way. One host may have a quarter of those
    /// that are left, one network half of them; beyond, requests are answered with 503. It should
    /// be less than RLIMIT_NOFILE by what else the process has open, and a few.
    pub max_open_files: usize,
    /// File bytes that one connection may hold in memory, in steps of up to 128 KiB: those
    /// read, and not yet acknowledged. It bounds the connection's rate to this much a round
    /// trip. Never less than 32 KiB for each of [`TransportConfig::max_streams`](crate::TransportConfig).
    pub max_body_bytes_held: usize,
    /// File bytes that all connections together may hold in memory, and 128 KiB more. Half of it
    /// is there for whoever asks: a connection may hold an eighth of what is free of it, so that
    /// there is always some left for the next one. The other half is divided among
    /// [`ServerConfig::max_connections`](crate::ServerConfig), and each of them may always use its part: so those who don't read can
    /// slow others down, but not stop them. What is over it waits in the file. Never less than
    /// 64 KiB for each of [`ServerConfig::max_connections`](crate::ServerConfig).
    pub max_total_body_bytes_held: usize,
    /// Requests that a client may give up in a row, by resetting or stopping their streams. Each
    /// response that it takes to the end, and each 10 ms, allows for one more. Beyond,
    /// the connection is closed with H3_EXCESSIVE_LOAD.
    pub max_requests_given_up: u32,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_open_files: 512,
            max_body_bytes_held: 4 << 20,
            max_total_body_bytes_held: 256 << 20,
            max_requests_given_up: 1000,
        }
    }
}
