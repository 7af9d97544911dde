//! `HttpCounters`: counters of requests and responses.

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
    /// Responses that the client cancelled.
    pub cancelled: u64,
    /// Responses cut short, because the file shrank or could not be read, or because the handler
    /// reset them.
    pub broken: u64,
    /// Body bytes handed to the transport.
    pub body_bytes: u64,
    /// Connections closed because the peer violated HTTP/3.
    pub protocol_errors: u64,
    /// Connections closed because the client cancelled too many requests, or opened too many
    /// unidirectional streams.
    pub excessive_load: u64,
    /// Requests answered with 503, because the client's share of the open files was used up.
    pub too_many_files: u64,
}

impl HttpCounters {
    /// Adds another worker's counters.
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
