//! The control of `compile_pass/one_thread.rs`: a type that may go to another thread is told apart.

trait NotSend<Which> {
    fn holds() {}
}
impl<T> NotSend<()> for T {}
struct IsSend;
impl<T: Send> NotSend<IsSend> for T {}

fn main() {
    <u32 as NotSend<_>>::holds();
}
