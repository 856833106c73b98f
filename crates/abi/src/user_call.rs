//! The lab's socket: file calls of a user-mode program as framed messages over a stream.
//!
//! One connection is one process with one handle. The program sends [`Request`]s, the lab answers
//! each [`Open`](Request::Open), [`Close`](Request::Close), [`Ioctl`](Request::Ioctl) and
//! [`Read`](Request::Read) with one [`Reply`] that carries the request's id; any number may be
//! under way, and answers come in any order. A [`Cancel`](Request::Cancel) has no answer: the call
//! that it names completes, cancelled or not. The end of the stream is the death of the process:
//! its calls are cancelled and its handle is closed.
//!
//! A frame is a [`FrameHeader`] and `len` bytes of body. The sender writes
//! [`Encoded::head`] and then [`Encoded::tail`]; the receiver reads [`FrameHeader::LEN`] bytes,
//! [checks](FrameHeader::parse) them, reads `len` more, and takes those apart.

use core::fmt;
use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::NtStatus;

/// Where the lab listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/nblease-lab.sock";
/// Longest body of a frame, in bytes.
pub const MAX_BODY: usize = 16 << 20;

const OPEN: u16 = 1;
const CLOSE: u16 = 2;
const IOCTL: u16 = 3;
const READ: u16 = 4;
const CANCEL: u16 = 5;
const COMPLETED: u16 = 0x80;

/// What precedes every body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FrameHeader {
    /// Bytes of body that follow; at most [`MAX_BODY`].
    pub len: u32,
    /// Which message it is.
    pub kind: u16,
    /// Zero.
    pub reserved: u16,
    /// The call that it is about, numbered by the program; not used again while under way.
    pub id: u64,
}

impl FrameHeader {
    /// Bytes of a header.
    pub const LEN: usize = size_of::<Self>();

    /// Reads and checks a header.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self, FrameError> {
        let header = Self::read_from_bytes(bytes).map_err(|_| FrameError)?;
        if header.len as usize <= MAX_BODY && header.reserved == 0 { Ok(header) } else { Err(FrameError) }
    }
}

/// A frame that neither side sends: the connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError;

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a malformed frame came over the lab's socket")
    }
}

impl core::error::Error for FrameError {}

/// What a program asks of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// `CreateFileW`, overlapped, for reading and writing. Answered with the status alone.
    Open {
        /// The file's Win32 name in UTF-8, as in [`crate::ioctl::DEVICE_NAME_WIN32`].
        name: &'a str,
    },
    /// `CloseHandle`. Answered once every call of the handle has been.
    Close,
    /// `DeviceIoControl`
    Ioctl {
        /// The IOCTL code.
        code: u32,
        /// Size of the output buffer in bytes.
        output_len: u32,
        /// The input buffer.
        input: &'a [u8],
    },
    /// `ReadFile`
    Read {
        /// Size of the buffer in bytes.
        len: u32,
    },
    /// `CancelIoEx` for the call with the frame's id.
    Cancel,
}

/// What the lab answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The status that the call was completed with.
    pub status: NtStatus,
    /// `IoStatus.Information`
    pub information: u64,
    /// The bytes of the output buffer or of the read that are valid; none where the call failed.
    pub data: &'a [u8],
}

/// A frame ready to be sent: two pieces, so that data need not be copied.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    head: [u8; FrameHeader::LEN + 16],
    head_len: usize,
    /// What is sent after [`head`](Self::head).
    pub tail: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// `None` where the body would be longer than [`MAX_BODY`].
    fn new(kind: u16, id: u64, fixed: &[u8], tail: &'a [u8]) -> Option<Self> {
        let len = fixed.len().checked_add(tail.len()).filter(|&len| len <= MAX_BODY)?;
        let header = FrameHeader { len: u32::try_from(len).ok()?, kind, reserved: 0, id };
        let mut head = [0; FrameHeader::LEN + 16];
        let head_len = FrameHeader::LEN + fixed.len();
        header.write_to_prefix(&mut head).ok()?;
        head.get_mut(FrameHeader::LEN..head_len)?.copy_from_slice(fixed);
        Some(Self { head, head_len, tail })
    }

    /// What is sent first.
    pub fn head(&self) -> &[u8] {
        self.head.get(..self.head_len).unwrap_or(&self.head)
    }
}

impl<'a> Request<'a> {
    /// The request as a frame; `None` where its data are longer than [`MAX_BODY`] allows.
    pub fn encode(&self, id: u64) -> Option<Encoded<'a>> {
        match *self {
            Self::Open { name } => Encoded::new(OPEN, id, &[], name.as_bytes()),
            Self::Close => Encoded::new(CLOSE, id, &[], &[]),
            Self::Ioctl { code, output_len, input } => Encoded::new(IOCTL, id, [code, output_len].as_bytes(), input),
            Self::Read { len } => Encoded::new(READ, id, len.as_bytes(), &[]),
            Self::Cancel => Encoded::new(CANCEL, id, &[], &[]),
        }
    }

    /// Takes a frame apart.
    pub fn parse(kind: u16, body: &'a [u8]) -> Result<Self, FrameError> {
        match (kind, body) {
            (OPEN, name) => core::str::from_utf8(name).map(|name| Self::Open { name }).map_err(|_| FrameError),
            (CLOSE, []) => Ok(Self::Close),
            (CANCEL, []) => Ok(Self::Cancel),
            (IOCTL, _) => {
                let ([code, output_len], input) = <[u32; 2]>::read_from_prefix(body).map_err(|_| FrameError)?;
                Ok(Self::Ioctl { code, output_len, input })
            }
            (READ, _) => u32::read_from_bytes(body).map(|len| Self::Read { len }).map_err(|_| FrameError),
            _ => Err(FrameError),
        }
    }
}

impl<'a> Reply<'a> {
    /// An answer without data.
    pub const fn of(status: NtStatus) -> Self {
        Self { status, information: 0, data: &[] }
    }

    /// The answer as a frame; `None` where its data are longer than [`MAX_BODY`] allows.
    pub fn encode(&self, id: u64) -> Option<Encoded<'a>> {
        let mut fixed = [0; 16];
        self.status.0.write_to_prefix(&mut fixed).ok()?;
        self.information.write_to_suffix(&mut fixed).ok()?;
        Encoded::new(COMPLETED, id, &fixed, self.data)
    }

    /// Takes a frame apart.
    pub fn parse(kind: u16, body: &'a [u8]) -> Result<Self, FrameError> {
        let (&[status, reserved], rest) =
            <[zerocopy::little_endian::U32; 2]>::ref_from_prefix(body).map_err(|_| FrameError)?;
        let (information, data) = u64::read_from_prefix(rest).map_err(|_| FrameError)?;
        if kind != COMPLETED || reserved.get() != 0 || data.len() as u64 > information {
            return Err(FrameError);
        }
        Ok(Self { status: NtStatus(status.get()), information, data })
    }
}
