//! The NTSTATUS values that cross to user mode, each with its name, its Win32 error and a sentence.

use core::fmt;

/// An NTSTATUS. Any value may be held; those that the driver answers with have a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct NtStatus(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $win32:literal, $sentence:literal;)*) => {
        impl NtStatus {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Every status with a constant.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the Windows headers, without `STATUS_`.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What it means for who made the call, as a sentence.
            pub const fn sentence(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($sentence),)*
                    _ => None,
                }
            }

            /// The error that `GetLastError` gives for it (as `RtlNtStatusToDosError` maps it).
            pub const fn win32(self) -> Option<u32> {
                match self.0 {
                    $($value => Some($win32),)*
                    _ => None,
                }
            }

            /// The status behind a Win32 error, where the table has one; the first if several do.
            pub const fn from_win32(error: u32) -> Option<Self> {
                $(if error == $win32 { return Some(Self::$name); })*
                None
            }
        }
    };
}

statuses! {
    /// `STATUS_SUCCESS`
    SUCCESS = 0x0000_0000, 0, "The call succeeded.";
    /// `STATUS_PENDING`
    PENDING = 0x0000_0103, 997, "The call is under way.";
    /// `STATUS_UNSUCCESSFUL`
    UNSUCCESSFUL = 0xC000_0001, 31, "The driver failed without naming a reason.";
    /// `STATUS_INVALID_HANDLE`
    INVALID_HANDLE = 0xC000_0008, 6, "The handle is not open.";
    /// `STATUS_INVALID_PARAMETER`
    INVALID_PARAMETER = 0xC000_000D, 87, "A value in the request is not one that the driver accepts.";
    /// `STATUS_INVALID_DEVICE_REQUEST`
    INVALID_DEVICE_REQUEST = 0xC000_0010, 1, "The driver does not know this request.";
    /// `STATUS_ACCESS_DENIED`
    ACCESS_DENIED = 0xC000_0022, 5, "Only administrators and SYSTEM may open the device.";
    /// `STATUS_BUFFER_TOO_SMALL`
    BUFFER_TOO_SMALL = 0xC000_0023, 122, "A buffer of the request is shorter than it has to be.";
    /// `STATUS_OBJECT_NAME_NOT_FOUND`
    OBJECT_NAME_NOT_FOUND = 0xC000_0034, 2, "There is no such device: the driver is not loaded.";
    /// `STATUS_DELETE_PENDING`
    DELETE_PENDING = 0xC000_0056, 303, "The driver is being unloaded.";
    /// `STATUS_QUOTA_EXCEEDED`
    QUOTA_EXCEEDED = 0xC000_0044, 1816, "Too many readers hold frames, or for too long together.";
    /// `STATUS_REVISION_MISMATCH`
    REVISION_MISMATCH = 0xC000_0059, 1306, "The program and the driver speak different ABI versions.";
    /// `STATUS_INSUFFICIENT_RESOURCES`
    INSUFFICIENT_RESOURCES = 0xC000_009A, 1450, "The system has too little memory for the request.";
    /// `STATUS_DEVICE_NOT_READY`
    DEVICE_NOT_READY = 0xC000_00A3, 21, "The handle has no configuration yet: CONFIGURE comes first.";
    /// `STATUS_IO_TIMEOUT`
    IO_TIMEOUT = 0xC000_00B5, 121, "The verdict came after the deadline.";
    /// `STATUS_NOT_SUPPORTED`
    NOT_SUPPORTED = 0xC000_00BB, 50, "This driver does not offer what was asked for.";
    /// `STATUS_DEVICE_DOES_NOT_EXIST`
    DEVICE_DOES_NOT_EXIST = 0xC000_00C0, 55, "The device has gone.";
    /// `STATUS_REQUEST_NOT_ACCEPTED`
    REQUEST_NOT_ACCEPTED = 0xC000_00D0, 71, "The ticket has a verdict already.";
    /// `STATUS_INVALID_USER_BUFFER`
    INVALID_USER_BUFFER = 0xC000_00E8, 1784, "The buffer of the request cannot be accessed.";
    /// `STATUS_CANCELLED`
    CANCELLED = 0xC000_0120, 995, "The call was cancelled.";
    /// `STATUS_INVALID_DEVICE_STATE`
    INVALID_DEVICE_STATE = 0xC000_0184, 22, "The handle is configured already: open another one.";
    /// `STATUS_NOT_FOUND`
    NOT_FOUND = 0xC000_0225, 1168, "An adapter that was asked for is not attached.";
}

impl NtStatus {
    /// `NT_SUCCESS`: success and information, neither warning nor error.
    pub const fn is_success(self) -> bool {
        self.0 < 0x8000_0000
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "STATUS_{name}"),
            None => write!(f, "NTSTATUS({:#010X})", self.0),
        }
    }
}

/// The sentence and the name; the bare number where the table has none.
impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sentence() {
            Some(sentence) => write!(f, "{sentence} ({self:?})"),
            None => write!(f, "The driver answered {:#010X}.", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn win32_errors_lead_back_to_their_status() {
        for &status in NtStatus::ALL {
            assert_eq!(NtStatus::from_win32(status.win32().unwrap()), Some(status));
        }
        assert_eq!(NtStatus::from_win32(9999), None);
    }

    #[test]
    fn success_is_neither_warning_nor_error() {
        assert!(NtStatus::SUCCESS.is_success() && NtStatus::PENDING.is_success());
        assert!(!NtStatus(0x8000_0005).is_success() && !NtStatus::CANCELLED.is_success());
    }
}
