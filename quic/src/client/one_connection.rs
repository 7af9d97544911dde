//! `OneConnection`: what `Connections` holds.

use super::{Client, Connection};
use crate::driver::Endpoint;
use crate::quic::QuicConnection;

/// One connection to a server: a [`Client`] or a [`Connection`].
pub trait OneConnection: Endpoint<<Self as OneConnection>::Link> + sealed::Inner {
    /// The link-layer way to the server.
    type Link: Copy;
}

impl<L: Copy> OneConnection for Client<L> {
    type Link = L;
}

impl<L: Copy> OneConnection for Connection<L> {
    type Link = L;
}

mod sealed {
    use crate::quic::QuicConnection;

    /// What [`Connections`](crate::client::Connections) asks of one.
    pub trait Inner {
        fn quic_mut(&mut self) -> &mut QuicConnection;

        fn has_ended(&self) -> bool;

        /// Whether sending has brought something that the application should look at.
        fn has_news(&self) -> bool;
    }
}

impl<L: Copy> sealed::Inner for Client<L> {
    fn quic_mut(&mut self) -> &mut QuicConnection {
        self.connection.quic()
    }

    fn has_ended(&self) -> bool {
        self.is_over()
    }

    fn has_news(&self) -> bool {
        self.dirty || !self.events.is_empty()
    }
}

impl<L: Copy> sealed::Inner for Connection<L> {
    fn quic_mut(&mut self) -> &mut QuicConnection {
        self.quic()
    }

    fn has_ended(&self) -> bool {
        self.is_over()
    }

    fn has_news(&self) -> bool {
        self.is_early()
    }
}
