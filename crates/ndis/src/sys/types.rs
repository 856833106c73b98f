//! Scalars, handles and the small structs that everything else is made of (`wdm.h`, `ntdef.h`, `ndis/types.h`).

pub use core::ffi::c_void;

pub type BOOLEAN = u8;
pub type UCHAR = u8;
pub type CHAR = i8;
pub type CCHAR = i8;
pub type USHORT = u16;
pub type CSHORT = i16;
pub type WCHAR = u16;
pub type UINT = u32;
pub type ULONG = u32;
pub type LONG = i32;
pub type ULONGLONG = u64;
pub type LONGLONG = i64;
pub type ULONG64 = u64;
pub type SIZE_T = usize;
pub type ULONG_PTR = usize;
pub type LONG_PTR = isize;
pub type PVOID = *mut c_void;
pub type HANDLE = PVOID;

pub type NTSTATUS = i32;
pub type ACCESS_MASK = ULONG;
pub type KIRQL = UCHAR;
pub type KPRIORITY = LONG;
pub type KPROCESSOR_MODE = CCHAR;
pub type KSPIN_LOCK = ULONG_PTR;
pub type KAFFINITY = ULONG_PTR;
pub type POOL_FLAGS = ULONG64;

pub type NDIS_HANDLE = PVOID;
pub type NDIS_STATUS = i32;
pub type NDIS_OID = ULONG;
pub type NDIS_PORT_NUMBER = ULONG;
pub type NDIS_NIC_SWITCH_ID = ULONG;
pub type NDIS_NIC_SWITCH_VPORT_ID = ULONG;
pub type NDIS_RSS_CAPS_FLAGS = ULONG;
pub type NET_IFINDEX = ULONG;

// Enumerations whose values the facts do not list.
pub type NDIS_PHYSICAL_MEDIUM = i32;
pub type NDIS_SUPPORTED_PAUSE_FUNCTIONS = i32;
pub type NDIS_RFC6877_464XLAT_OFFLOAD_OPTIONS = i32;
pub type POWER_ACTION = i32;
pub type POWER_STATE_TYPE = i32;
pub type EX_POOL_PRIORITY = i32;
pub type LOCK_OPERATION = i32;
pub type NDIS_PARAMETER_TYPE = i32;
pub type WORK_QUEUE_TYPE = i32;

/// `NDIS_MEDIA_CONNECT_STATE` and `NDIS_MEDIA_DUPLEX_STATE` are typedefs of the interface enumerations.
pub type NDIS_MEDIA_CONNECT_STATE = super::enums::NET_IF_MEDIA_CONNECT_STATE;
pub type NDIS_MEDIA_DUPLEX_STATE = super::enums::NET_IF_MEDIA_DUPLEX_STATE;

pub type WDFCONTEXT = PVOID;
pub type WDFOBJECT = HANDLE;
pub type WDFDRIVER = HANDLE;
pub type WDFDEVICE = HANDLE;
pub type WDFQUEUE = HANDLE;
pub type WDFREQUEST = HANDLE;
pub type WDFFILEOBJECT = HANDLE;
pub type WDFMEMORY = HANDLE;
pub type WDFTIMER = HANDLE;
pub type WDFDPC = HANDLE;
pub type WDFWORKITEM = HANDLE;
pub type WDFIOTARGET = HANDLE;

/// Accessors of bit-fields in a word that the C headers declare as bit-fields and Rust cannot.
///
/// `name, set_name: lo..=hi` gives the field in bits `lo..=hi` of the word. Each struct gets `BIT_FIELDS`, its fields
/// with their bits, for the test against the headers.
macro_rules! bit_fields {
    (
        $struct:ident: $word:ty, |$this:ident| $read:expr, |$new:ident| $write:expr;
        $($name:ident, $set:ident: $lo:literal..=$hi:literal;)*
    ) => {
        impl $struct {
            /// The bit-fields: name, first bit and last bit in the word.
            pub const BIT_FIELDS: &'static [(&'static str, u32, u32)] = &[$((stringify!($name), $lo, $hi)),*];

            $(
                #[must_use]
                pub fn $name(&self) -> $word {
                    let $this = self;
                    let word: $word = $read;
                    (word >> $lo) & (<$word>::MAX >> (<$word>::BITS - 1 - ($hi - $lo)))
                }

                /// Bits of `value` that do not fit the field are ignored.
                pub fn $set(&mut self, value: $word) {
                    let mask = (<$word>::MAX >> (<$word>::BITS - 1 - ($hi - $lo))) << $lo;
                    let word: $word = { let $this = &*self; $read };
                    let $new = (word & !mask) | ((value << $lo) & mask);
                    let $this = self;
                    $write;
                }
            )*
        }
    };
}
pub(super) use bit_fields;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct GUID {
    pub Data1: ULONG,
    pub Data2: USHORT,
    pub Data3: USHORT,
    pub Data4: [UCHAR; 8],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LIST_ENTRY {
    pub Flink: *mut LIST_ENTRY,
    pub Blink: *mut LIST_ENTRY,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SINGLE_LIST_ENTRY {
    pub Next: *mut SINGLE_LIST_ENTRY,
}

/// The view of `HeaderX64` is the kernel's own: only `Ex*SList` functions look inside.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct SLIST_HEADER {
    pub Alignment: ULONGLONG,
    pub Region: ULONGLONG,
}

/// `Length` and `MaximumLength` are in bytes; the text need not end with a zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct UNICODE_STRING {
    pub Length: USHORT,
    pub MaximumLength: USHORT,
    pub Buffer: *mut WCHAR,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LARGE_INTEGER_u {
    pub LowPart: ULONG,
    pub HighPart: LONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union LARGE_INTEGER {
    pub u: LARGE_INTEGER_u,
    pub QuadPart: LONGLONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ULARGE_INTEGER_u {
    pub LowPart: ULONG,
    pub HighPart: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union ULARGE_INTEGER {
    pub u: ULARGE_INTEGER_u,
    pub QuadPart: ULONGLONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PROCESSOR_NUMBER {
    pub Group: USHORT,
    pub Number: UCHAR,
    pub Reserved: UCHAR,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct OBJECT_ATTRIBUTES {
    pub Length: ULONG,
    pub RootDirectory: HANDLE,
    pub ObjectName: *mut UNICODE_STRING,
    pub Attributes: ULONG,
    pub SecurityDescriptor: PVOID,
    pub SecurityQualityOfService: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union IO_STATUS_BLOCK_u {
    pub Status: NTSTATUS,
    pub Pointer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct IO_STATUS_BLOCK {
    pub u: IO_STATUS_BLOCK_u,
    pub Information: ULONG_PTR,
}

/// `union _NET_LUID_LH`, of which `Value` holds all.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NET_LUID {
    pub Value: ULONG64,
}

bit_fields! {
    NET_LUID: u64, |this| this.Value, |word| this.Value = word;
    Reserved, set_Reserved: 0..=23;
    NetLuidIndex, set_NetLuidIndex: 24..=47;
    IfType, set_IfType: 48..=63;
}

/// Opens each struct that NDIS and a driver exchange: what it is, its revision, its size in that revision.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NDIS_OBJECT_HEADER {
    pub Type: UCHAR,
    pub Revision: UCHAR,
    pub Size: USHORT,
}
