//! Import thunks: each notes where the driver called from, then jumps to the lab's function.
//!
//! A driver's import slot points to a thunk, so that a report can name the place in the driver that made a call, and so
//! that the depth of the stack at each call is known (V42). A thunk uses `r11` alone, which a call may change.

use super::exports::{Binding, Export};
use crate::{call_stack::Call, kernel::kernel, thread};

/// Room for one thunk, aligned.
pub const THUNK: usize = 48;

/// The code of a thunk that goes to `target`, with `first` as the first argument if there is one.
///
/// The cells to write lie at constant distances from the thread pointer (`fs`), since the lab is part of the
/// executable; their displacements are computed from this thread's.
fn code(target: u64, first: Option<u64>) -> [u8; THUNK] {
    let mut code = [0xcc; THUNK];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        code[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    let cells = thread::call_cells();
    put(&[0x4c, 0x8b, 0x1c, 0x24]); // mov r11, [rsp]
    put(&[0x64, 0x4c, 0x89, 0x1c, 0x25]); // mov fs:[site], r11
    put(&displacement(cells.site.addr()).to_le_bytes());
    put(&[0x64, 0x48, 0x89, 0x24, 0x25]); // mov fs:[stack], rsp
    put(&displacement(cells.stack.addr()).to_le_bytes());
    if let Some(first) = first {
        put(&[0x48, 0xb9]); // mov rcx, first
        put(&first.to_le_bytes());
    }
    put(&[0x49, 0xbb]); // mov r11, target
    put(&target.to_le_bytes());
    put(&[0x41, 0xff, 0xe3]); // jmp r11
    code
}

/// Distance of a thread-local cell from this thread's `fs` base.
fn displacement(cell: usize) -> i32 {
    let base: usize;
    // SAFETY: by the ABI of x86-64 Linux the first word at `fs` is the address of itself; nothing is written.
    unsafe {
        std::arch::asm!("mov {}, fs:[0]", out(reg) base, options(nostack, readonly, preserves_flags));
    }
    let distance = cell.cast_signed().wrapping_sub(base.cast_signed());
    i32::try_from(distance).expect("thread-local storage of the executable lies next to the thread pointer")
}

/// Where thunks are written, one after the other.
pub struct Thunks<'a> {
    room: &'a mut [u8],
    address: usize,
    used: usize,
}

impl<'a> Thunks<'a> {
    /// Thunks in `room`, which the driver will see at `address`.
    pub fn new(room: &'a mut [u8], address: usize) -> Self {
        Self { room, address, used: 0 }
    }

    /// The address that an import of `export` is bound to.
    ///
    /// # Panics
    /// When there is no room: the caller counted the imports.
    pub fn bind(&mut self, export: &Export) -> usize {
        let target = export.address.expose_provenance();
        if export.binding == Binding::Direct {
            return target;
        }
        self.put(&code(target as u64, None))
    }

    /// Where a call of an import goes on that the lab lacks: it ends the run and names it.
    ///
    /// # Panics
    /// As [`Self::bind`].
    pub fn bind_lacking(&mut self, name: &str) -> usize {
        let name: &'static String = Box::leak(Box::new(name.to_owned()));
        let name = std::ptr::from_ref(name).expose_provenance() as u64;
        let target = (call_of_lacking as *const ()).expose_provenance() as u64;
        self.put(&code(target, Some(name)))
    }

    fn put(&mut self, code: &[u8; THUNK]) -> usize {
        self.room[self.used..self.used + THUNK].copy_from_slice(code);
        let address = self.address + self.used;
        self.used += THUNK;
        address
    }
}

/// A driver called what the lab lacks.
unsafe extern "win64" fn call_of_lacking(name: *const String) {
    // SAFETY: only `bind_lacking` makes thunks that go here, each with a name that lives for ever.
    let name = unsafe { &*name };
    let from = Call { site: thread::call_site(), callback: thread::callback() };
    kernel().judge.bug_check(format!("{name} was called from {from}: the lab lacks this import"));
}
