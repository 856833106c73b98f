//! What can go wrong between a program and the driver, as sentences for whoever runs the program.

use std::fmt;
use std::io;

use nblease_abi::NtStatus;
use nblease_abi::configure::ConfigError;
use nblease_abi::ioctl::ABI_VERSION;

use crate::Target;

/// Why a call failed.
#[derive(Debug)]
pub enum Error {
    /// There is no device: the driver is not loaded.
    NoDevice(Target),
    /// The device may not be opened by this user.
    AccessDenied(Target),
    /// Opening the device failed otherwise.
    Open(Target, io::Error),
    /// The driver speaks another ABI version.
    AbiVersion {
        /// The driver's.
        driver: u32,
    },
    /// The configuration is not one that any driver of this version accepts; it was not sent.
    Config(ConfigError),
    /// An adapter of the configuration is not attached (any more).
    NoAdapter,
    /// The reads of a capture are shorter than its configuration needs.
    ReadTooSmall {
        /// Bytes of a read.
        size: usize,
        /// Bytes that are needed.
        needed: usize,
    },
    /// A frame that is to replace another is longer than a VERDICT may be.
    ReplacementTooLong {
        /// Its bytes.
        size: usize,
    },
    /// The driver refused a call.
    Refused {
        /// The call, as the ABI names it.
        call: &'static str,
        /// Its status.
        status: NtStatus,
    },
    /// The driver's answer has not the form that its ABI version says.
    Malformed {
        /// The call, as the ABI names it.
        call: &'static str,
    },
    /// The connection to the driver broke.
    Lost(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice(target) => {
                write!(f, "the driver is not loaded (no device at {target}); load it with {}", target.how_to_load())
            }
            Self::AccessDenied(target) => {
                write!(f, "{target} may be opened by administrators only")
            }
            Self::Open(target, error) => write!(f, "{target} cannot be opened: {error}"),
            Self::AbiVersion { driver } => write!(
                f,
                "the driver speaks ABI version {driver} and this program version {ABI_VERSION}: use the ones that came together"
            ),
            Self::Config(error) => error.fmt(f),
            Self::NoAdapter => f.write_str("an adapter that was asked for is not attached any more"),
            Self::ReadTooSmall { size, needed } => {
                write!(f, "reads of {size} bytes are too small for this snaplen, which needs {needed} bytes")
            }
            Self::ReplacementTooLong { size } => {
                write!(f, "a replacement of {size} bytes is too long for a VERDICT")
            }
            Self::Refused { call, status } => write!(f, "{call} was refused: {status}"),
            Self::Malformed { call } => write!(f, "the driver's answer to {call} is malformed"),
            Self::Lost(error) => write!(f, "the connection to the driver broke: {error}"),
        }
    }
}

/// Without sources: what a sentence is based on is part of it.
impl std::error::Error for Error {}
