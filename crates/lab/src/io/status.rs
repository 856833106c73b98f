//! The NTSTATUS values that the I/O manager and the framework answer with (`ntstatus.h`, `wdfstatus.h`).

pub use nblease_abi::NtStatus;

macro_rules! statuses {
    ($($name:ident = $value:literal;)*) => {
        $(#[doc = concat!("`STATUS_", stringify!($name), "`")] pub const $name: NtStatus = NtStatus($value);)*

        /// Name of a status, without `STATUS_`, or its number.
        pub fn name(status: NtStatus) -> String {
            match status.0 {
                $($value => stringify!($name).to_owned(),)*
                other => format!("{other:#010x}"),
            }
        }
    };
}

statuses! {
    SUCCESS = 0x0000_0000;
    TIMEOUT = 0x0000_0102;
    PENDING = 0x0000_0103;
    OBJECT_NAME_EXISTS = 0x4000_0000;
    BUFFER_OVERFLOW = 0x8000_0005;
    NO_MORE_ENTRIES = 0x8000_001A;
    UNSUCCESSFUL = 0xC000_0001;
    INFO_LENGTH_MISMATCH = 0xC000_0004;
    ACCESS_VIOLATION = 0xC000_0005;
    INVALID_HANDLE = 0xC000_0008;
    INVALID_PARAMETER = 0xC000_000D;
    NO_SUCH_DEVICE = 0xC000_000E;
    INVALID_DEVICE_REQUEST = 0xC000_0010;
    ACCESS_DENIED = 0xC000_0022;
    BUFFER_TOO_SMALL = 0xC000_0023;
    OBJECT_TYPE_MISMATCH = 0xC000_0024;
    OBJECT_NAME_INVALID = 0xC000_0033;
    OBJECT_NAME_NOT_FOUND = 0xC000_0034;
    OBJECT_NAME_COLLISION = 0xC000_0035;
    DELETE_PENDING = 0xC000_0056;
    INVALID_SECURITY_DESCR = 0xC000_0079;
    RESOURCE_DATA_NOT_FOUND = 0xC000_0089;
    INTEGER_OVERFLOW = 0xC000_0095;
    INSUFFICIENT_RESOURCES = 0xC000_009A;
    DEVICE_BUSY = 0x8000_0011;
    IO_TIMEOUT = 0xC000_00B5;
    NOT_SUPPORTED = 0xC000_00BB;
    INVALID_USER_BUFFER = 0xC000_00E8;
    INTERNAL_ERROR = 0xC000_00E5;
    INVALID_PARAMETER_4 = 0xC000_00F2;
    CANCELLED = 0xC000_0120;
    INVALID_DEVICE_STATE = 0xC000_0184;
    DRIVER_INTERNAL_ERROR = 0xC000_0183;
    INVALID_BUFFER_SIZE = 0xC000_0206;
    NOT_FOUND = 0xC000_0225;
    WDF_INTERNAL_ERROR = 0xC020_0201;
    WDF_PAUSED = 0xC020_0203;
    WDF_BUSY = 0xC020_0204;
    WDF_OBJECT_ATTRIBUTES_INVALID = 0xC020_0209;
    WDF_NO_CALLBACK = 0xC020_020B;
    WDF_INCOMPATIBLE_EXECUTION_LEVEL = 0xC020_020C;
    WDF_PARENT_ASSIGNMENT_NOT_ALLOWED = 0xC020_020F;
    WDF_SYNCHRONIZATION_SCOPE_INVALID = 0xC020_0210;
    WDF_EXECUTION_LEVEL_INVALID = 0xC020_0211;
    WDF_PARENT_NOT_SPECIFIED = 0xC020_0212;
}
