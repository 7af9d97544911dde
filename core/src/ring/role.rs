//! The four rings' roles as types: a fill ring cannot be mistaken for a completion ring.

use core::ops::{Deref, DerefMut};

use super::{AddressSlot, Consumer, DescSlot, Producer, RingMemory};

macro_rules! role {
    ($(#[$doc:meta])* $name:ident: $end:ident<$slot:ty>) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<'m>($end<'m, $slot>);

        impl<'m> $name<'m> {
            /// Our end of the ring, starting at the present values of the shared words.
            #[must_use]
            pub fn new(memory: RingMemory<'m, $slot>) -> Self {
                Self($end::new(memory))
            }
        }

        impl<'m> Deref for $name<'m> {
            type Target = $end<'m, $slot>;
            #[inline]
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl DerefMut for $name<'_> {
            #[inline]
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
    };
}

role! {
    /// Gives empty frames to the kernel to receive into.
    #[doc(alias = "FillQueue")]
    #[doc(alias = "XDP_UMEM_FILL_RING")]
    FillRing: Producer<AddressSlot>
}
role! {
    /// Brings received packets.
    #[doc(alias = "RxQueue")]
    #[doc(alias = "XDP_RX_RING")]
    RxRing: Consumer<DescSlot>
}
role! {
    /// Gives packets to the kernel to send.
    #[doc(alias = "TxQueue")]
    #[doc(alias = "XDP_TX_RING")]
    TxRing: Producer<DescSlot>
}
role! {
    /// Brings back frames whose packets the kernel is done with, sent or not.
    #[doc(alias = "CompQueue")]
    #[doc(alias = "XDP_UMEM_COMPLETION_RING")]
    CompletionRing: Consumer<AddressSlot>
}
