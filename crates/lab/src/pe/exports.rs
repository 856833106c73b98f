//! What the lab's DLLs export: a name and the function that a driver's import is bound to.

/// A function, or a piece of data, that a driver can import.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// Its name in the DLL's export table.
    pub name: &'static str,
    /// Where it lies.
    pub address: *const (),
    /// How an import is bound to it.
    pub binding: Binding,
}

/// How an import is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Through a thunk that notes the call site.
    Noted,
    /// To the address itself: data, and functions whose callers rely on every register (`__chkstk`).
    Direct,
}

impl Export {
    /// An `unsafe extern "win64"` function.
    pub const fn function(name: &'static str, address: *const ()) -> Self {
        Self {
            name,
            address,
            binding: Binding::Noted,
        }
    }

    /// Data, or a function that is to be reached without a thunk.
    pub const fn direct(name: &'static str, address: *const ()) -> Self {
        Self {
            name,
            address,
            binding: Binding::Direct,
        }
    }
}

// SAFETY: the addresses are of functions and of statics, which any thread may use.
unsafe impl Sync for Export {}
// SAFETY: as above.
unsafe impl Send for Export {}

/// Lists exports: `exports! { "ExFreePool" => ex_free_pool, .. }`.
#[macro_export]
macro_rules! exports {
    ($($name:literal => $function:path),* $(,)?) => {
        &[$($crate::pe::exports::Export::function($name, $function as *const ())),*]
    };
}
