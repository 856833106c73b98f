//! Windows executables: mapping a `.sys` as the kernel does, and what its imports are bound to.

pub mod exports;

pub use exports::{Binding, Export};
