//! `HttpCounters`: what HTTP/3 has done.

/// Requests and responses, over all connections of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCounters {
    /// Requests received, well-formed or not.
    pub requests: u64,
    /// Responses with a status of 400 or above.
    pub error_statuses: u64,
    /// Responses whose last byte was handed to the transport.
    pub completed: u64,
    /// Responses that the client gave up.
    pub cancelled: u64,
    /// Responses cut off, because the file became shorter or could not be read, or the handler
    /// broke them off.
    pub broken: u64,
    /// Body bytes handed to the transport.
    pub body_bytes: u64,
    /// Connections closed because the peer broke the rules of HTTP/3.
    pub protocol_errors: u64,
    /// Connections closed because the client gave up too many requests.
    pub excessive_load: u64,
    /// Requests answered with 503, because the client had its share of the open files.
    pub too_many_files: u64,
}

impl HttpCounters {
    /// Adds those of another worker.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.error_statuses += other.error_statuses;
        self.completed += other.completed;
        self.cancelled += other.cancelled;
        self.broken += other.broken;
        self.body_bytes += other.body_bytes;
        self.protocol_errors += other.protocol_errors;
        self.excessive_load += other.excessive_load;
        self.too_many_files += other.too_many_files;
    }
}
