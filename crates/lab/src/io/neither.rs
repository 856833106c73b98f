//! METHOD_NEITHER: the caller's buffers at its own addresses, there until the call ends.

use std::{ptr, sync::Arc};

use nblease_ndis::sys;

use super::{lent::Lent, poison};
use crate::{
    kernel::kernel,
    memory::{Access, Kind, user::Buffer},
};

/// The caller's own buffers, as it has them.
#[derive(Default)]
pub(super) struct Neither {
    /// What it gives: to be read.
    pub(super) input: Option<Arc<Buffer>>,
    /// What it gets: to be written.
    pub(super) output: Option<Arc<Buffer>>,
}

impl Neither {
    /// Buffers of a process with what it gives, and room for `output_len` bytes.
    pub(super) fn new(input: &[u8], output_len: usize, process: u64, poison: u64) -> Self {
        let buffer = |bytes: &[u8], access| {
            let memory = Lent::closed(Kind::Program, bytes.len(), 1);
            memory.fill(0, bytes);
            kernel().memory.programs.add(memory, bytes.len(), process, access)
        };
        Self {
            input: (!input.is_empty()).then(|| buffer(input, Access::ReadOnly)),
            output: (output_len > 0).then(|| buffer(&poison::bytes(poison, output_len), Access::ReadWrite)),
        }
    }

    /// Where the program has a buffer; null where it gave none.
    pub(super) fn address(buffer: Option<&Arc<Buffer>>) -> sys::PVOID {
        buffer.map_or(ptr::null_mut(), |buffer| ptr::with_exposed_provenance_mut(buffer.address))
    }
}

impl Drop for Neither {
    fn drop(&mut self) {
        for buffer in self.input.iter().chain(&self.output) {
            kernel().memory.programs.remove(buffer);
        }
    }
}
