//! What shares a stash and a ledger, or a ring's cursors, stays on one thread: none of it is `Send`
//! or `Sync`, even where the memory and the backend are both.
//!
//! This compiles because they are not: a type that is has two candidates for `holds`, and the
//! compiler can't choose. The other way round the message would list everything inside the types.

use xskit_core::ring::{AddressSlot, CompletionRing, FillRing, RingMemory, RxRing, TxRing};
use xskit_core::socket::{Received, RxHalf, SendError, TxHalf};
use xskit_core::umem::{Frame, Memory, Umem};
use xskit_core::{Backend, Socket};

trait NotSend<Which> {
    fn holds() {}
}
impl<T> NotSend<()> for T {}
struct IsSend;
impl<T: Send> NotSend<IsSend> for T {}

trait NotSync<Which> {
    fn holds() {}
}
impl<T> NotSync<()> for T {}
struct IsSync;
impl<T: Sync> NotSync<IsSync> for T {}

macro_rules! stays_on_its_thread {
    ($($type:ty),* $(,)?) => {
        $(
            <$type as NotSend<_>>::holds();
            <$type as NotSync<_>>::holds();
        )*
    };
}

#[allow(dead_code)] // type-checked all the same
fn check<'a, 'u, M, B>()
where
    M: Memory + Send + Sync + 'static,
    B: Backend + Send + Sync + 'static,
    B::Socket: Send + Sync,
    'u: 'a,
{
    stays_on_its_thread![
        Frame<'u>,
        SendError<'u>,
        Umem<'u, M>,
        Socket<'u, B>,
        RxHalf<'a, 'u>,
        TxHalf<'a, 'u>,
        Received<'a, 'u>,
        RingMemory<'u, AddressSlot>,
        FillRing<'u>,
        CompletionRing<'u>,
        RxRing<'u>,
        TxRing<'u>,
    ];
}

fn main() {}
