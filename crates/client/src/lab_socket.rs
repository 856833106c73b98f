//! File calls over the lab's socket, as `nblease_abi::user_call` frames them.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nblease_abi::NtStatus;
use nblease_abi::ioctl::DEVICE_NAME_WIN32;
use nblease_abi::user_call::{FrameError, FrameHeader, Reply, Request};

use crate::{Ended, Error, ReadId, Target, Transport};

/// `STATUS_NO_SUCH_DEVICE`: what opening the device ends with once its driver is to be unloaded.
const NO_SUCH_DEVICE: NtStatus = NtStatus(0xC000_000E);

/// A connection to a lab, with the handle of the control device that it stands for.
#[derive(Debug)]
pub struct LabSocket {
    stream: UnixStream,
    /// Bytes of the frame that is coming in: a header first, then its body.
    incoming: Vec<u8>,
    /// How many of them have come.
    filled: usize,
    next_id: u64,
    reads: HashMap<u64, PendedRead>,
}

#[derive(Debug)]
struct PendedRead {
    buffer: Vec<u8>,
    /// Status and length, once it has ended.
    ended: Option<(NtStatus, usize)>,
}

/// What came in.
enum Event {
    /// The answer to a call that is no read.
    Answer { id: u64, status: NtStatus, data: Vec<u8> },
    /// A read has ended; that is noted.
    ReadEnded,
    /// Nothing, until the deadline.
    TimedOut,
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::Lost(io::Error::new(ErrorKind::InvalidData, error))
    }
}

impl LabSocket {
    /// Connects to the lab at `path` and opens the control device in it; `target` is what errors
    /// name.
    ///
    /// # Errors
    /// Where no lab listens, or the driver in it has no device or refuses.
    pub fn open(target: &Target, path: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Error::NoDevice(target.clone()),
            ErrorKind::PermissionDenied => Error::AccessDenied(target.clone()),
            _ => Error::Open(target.clone(), error),
        })?;
        let mut socket =
            Self { stream, incoming: vec![0; FrameHeader::LEN], filled: 0, next_id: 1, reads: HashMap::new() };
        let (status, _) = socket.call(&Request::Open { name: DEVICE_NAME_WIN32 })?;
        match status {
            NtStatus::SUCCESS => Ok(socket),
            NtStatus::OBJECT_NAME_NOT_FOUND | NtStatus::DEVICE_DOES_NOT_EXIST | NO_SUCH_DEVICE => {
                Err(Error::NoDevice(target.clone()))
            }
            NtStatus::ACCESS_DENIED => Err(Error::AccessDenied(target.clone())),
            status => Err(Error::Refused { call: "Open", status }),
        }
    }

    /// Sends a request under an id of its own.
    fn send(&mut self, request: &Request<'_>) -> Result<u64, Error> {
        let id = self.next_id;
        self.next_id += 1;
        self.send_as(id, request)?;
        Ok(id)
    }

    fn send_as(&mut self, id: u64, request: &Request<'_>) -> Result<(), Error> {
        let frame = request.encode(id).ok_or(FrameError)?;
        self.stream.write_all(frame.head()).map_err(Error::Lost)?;
        self.stream.write_all(frame.tail).map_err(Error::Lost)
    }

    /// Sends a request and waits for its answer; reads that end meanwhile are kept.
    fn call(&mut self, request: &Request<'_>) -> Result<(NtStatus, Vec<u8>), Error> {
        let id = self.send(request)?;
        loop {
            match self.receive(None)? {
                Event::Answer { id: answered, status, data } if answered == id => {
                    return Ok((status, data));
                }
                Event::Answer { .. } => return Err(FrameError.into()),
                Event::ReadEnded | Event::TimedOut => {}
            }
        }
    }

    /// Receives one frame, unless `deadline` passes first.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<Event, Error> {
        if !self.fill(FrameHeader::LEN, deadline)? {
            return Ok(Event::TimedOut);
        }
        let head = self.incoming.first_chunk().ok_or(FrameError)?;
        let header = FrameHeader::parse(head)?;
        let len = FrameHeader::LEN + header.len as usize;
        if !self.fill(len, deadline)? {
            return Ok(Event::TimedOut);
        }
        self.filled = 0;
        let body = self.incoming.get(FrameHeader::LEN..len).ok_or(FrameError)?;
        let reply = Reply::parse(header.kind, body)?;
        let Some(read) = self.reads.get_mut(&header.id) else {
            let (id, status, data) = (header.id, reply.status, reply.data.to_vec());
            return Ok(Event::Answer { id, status, data });
        };
        read.buffer.get_mut(..reply.data.len()).ok_or(FrameError)?.copy_from_slice(reply.data);
        read.ended = Some((reply.status, reply.data.len()));
        Ok(Event::ReadEnded)
    }

    /// Receives until `len` bytes of the frame are there, or `deadline` has passed.
    fn fill(&mut self, len: usize, deadline: Option<Instant>) -> Result<bool, Error> {
        if self.incoming.len() < len {
            self.incoming.resize(len, 0);
        }
        while self.filled < len {
            let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            // A timeout of 0 cannot be set; the shortest still takes what has come already.
            let timeout = timeout.map(|left| left.max(Duration::from_micros(1)));
            self.stream.set_read_timeout(timeout).map_err(Error::Lost)?;
            let room = self.incoming.get_mut(self.filled..len).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => return Err(Error::Lost(ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(false);
                }
                Err(error) => return Err(Error::Lost(error)),
            }
        }
        Ok(true)
    }
}

impl Transport for LabSocket {
    fn ioctl(&mut self, code: u32, input: &[u8], output_len: usize) -> Result<(NtStatus, Vec<u8>), Error> {
        let output_len = u32::try_from(output_len).map_err(|_| FrameError)?;
        self.call(&Request::Ioctl { code, output_len, input })
    }

    fn read(&mut self, buffer: Vec<u8>) -> Result<ReadId, Error> {
        let len = u32::try_from(buffer.len()).map_err(|_| FrameError)?;
        let id = self.send(&Request::Read { len })?;
        self.reads.insert(id, PendedRead { buffer, ended: None });
        Ok(ReadId(id))
    }

    fn wait(&mut self, read: ReadId, timeout: Duration) -> Result<Option<Ended>, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            let ended = self.reads.get(&read.0).ok_or(FrameError)?.ended;
            if let Some((status, len)) = ended
                && let Some(PendedRead { buffer, .. }) = self.reads.remove(&read.0)
            {
                return Ok(Some(Ended { status, buffer, len }));
            }
            match self.receive(Some(deadline))? {
                Event::TimedOut => return Ok(None),
                Event::ReadEnded => {}
                Event::Answer { .. } => return Err(FrameError.into()),
            }
        }
    }

    fn cancel(&mut self, read: ReadId) -> Result<(), Error> {
        self.send_as(read.0, &Request::Cancel)
    }
}
