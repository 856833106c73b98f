//! A registry in which no key is ever found, in the shape of the `windows` crate.
//!
//! wdk-build asks the registry only where its environment variables do not say where the WDK is.

#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments)]

/// The crate's string type and the macro that makes one.
pub mod core {
    /// A C string.
    #[derive(Clone, Copy)]
    pub struct PCSTR(pub *const u8);

    #[doc(inline)]
    pub use crate::s;
}

/// A C string literal as a [`core::PCSTR`].
#[macro_export]
macro_rules! s {
    ($text:literal) => {
        $crate::core::PCSTR(concat!($text, "\0").as_ptr())
    };
}

/// The modules on the way to the registry's.
pub mod Win32 {
    /// As above.
    pub mod System {
        /// Opening and reading of keys; nothing is found.
        pub mod Registry {
            use crate::core::PCSTR;

            /// A key's handle.
            #[derive(Clone, Copy, Default)]
            pub struct HKEY;
            /// The root that wdk-build looks under.
            pub const HKEY_LOCAL_MACHINE: HKEY = HKEY;
            /// An access right; it has no effect here.
            pub const KEY_READ: u32 = 0;
            /// A type filter; it has no effect here.
            pub const RRF_RT_REG_SZ: u32 = 0;

            /// What a call returns: always "not found".
            pub struct NotFound;

            impl NotFound {
                /// Never.
                pub fn is_ok(&self) -> bool {
                    false
                }

                /// Always an error.
                pub fn ok(self) -> Result<(), &'static str> {
                    Err("there is no registry here")
                }
            }

            /// Finds nothing.
            pub unsafe fn RegOpenKeyExA(_: HKEY, _: PCSTR, _: Option<u32>, _: u32, _: *mut HKEY) -> NotFound {
                NotFound
            }

            /// Finds nothing.
            pub unsafe fn RegGetValueA(
                _: HKEY,
                _: Option<PCSTR>,
                _: PCSTR,
                _: u32,
                _: Option<*mut u32>,
                _: Option<*mut ::core::ffi::c_void>,
                _: Option<*mut u32>,
            ) -> NotFound {
                NotFound
            }

            /// Closes nothing.
            pub unsafe fn RegCloseKey(_: HKEY) -> NotFound {
                NotFound
            }
        }
    }
}
