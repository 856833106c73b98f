//! The processor as kernel code finds it: what WDK headers read inline rather than by a call.
//!
//! A thread that runs drivers is a processor ([`crate::thread::processor`]). Behind its GS lies a KPCR, as behind the
//! GS of a processor in kernel mode (`KeGetCurrentThread` is a load from `gs:[188h]`; Linux programs leave GS free).
//! What a program may not do is [emulated](emulate) when it faults: CR8, and the page that kernel and programs share.

pub(crate) mod emulate;
mod pcr;
mod shared_data;
#[cfg(test)]
mod tests;

pub use pcr::{adopt_thread_object, new_thread_object, prepare_thread, thread_object};
pub use shared_data::has_feature;
