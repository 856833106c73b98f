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
    /// A function with the calling convention of Windows.
    pub const fn function(name: &'static str, address: *const ()) -> Self {
        Self { name, address, binding: Binding::Noted }
    }

    /// Data, or a function that is to be reached without a thunk.
    pub const fn direct(name: &'static str, address: *const ()) -> Self {
        Self { name, address, binding: Binding::Direct }
    }
}

// SAFETY: the addresses are of functions and of statics, which any thread may use.
unsafe impl Sync for Export {}
// SAFETY: as above.
unsafe impl Send for Export {}

/// Lists exports: `exports! { ExFreePool => ex_free_pool, "memcpy" => memcpy, .. }`.
///
/// A function that is named as it is (`unsafe extern "efiapi"`) is pinned to its signature in `nblease_ndis`, which is
/// pinned to the headers. One that is named by a string (`unsafe extern "win64"`) has none there.
#[macro_export]
macro_rules! exports {
    (@one $name:literal $function:path) => {
        $crate::pe::exports::Export::function($name, $function as *const ())
    };
    (@one $name:ident $function:path) => {{
        const PINNED: ::nblease_ndis::sys::signatures::$name = $function;
        $crate::pe::exports::Export::function(stringify!($name), PINNED as *const ())
    }};
    ($($name:tt => $function:path),+ $(,)?) => {
        &[$($crate::exports!(@one $name $function)),+]
    };
}
