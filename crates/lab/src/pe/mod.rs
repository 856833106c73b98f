//! Windows executables: mapping a `.sys` as the kernel does, and what its imports are bound to.

pub mod dlls;
pub mod exports;
pub mod image;
mod load;
mod load_config;
#[cfg(test)]
pub(crate) mod sample;
mod symbols;
mod thunk;

pub use exports::{Binding, Export};
pub use load::{discard_init, load, load_bytes, unmap};
pub(crate) use thunk::{THUNK, Thunks};
