//! The file calls that a client needs, wherever they go to.

use std::time::Duration;

use nblease_abi::NtStatus;

use crate::Error;

/// A read under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadId(pub u64);

/// A read that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// What it ended with.
    pub status: NtStatus,
    /// The buffer that it was made with, at its full length.
    pub buffer: Vec<u8>,
    /// How many bytes at its start are valid; 0 where the read failed.
    pub len: usize,
}

/// An open handle of the control device. Dropping it closes the handle, and with it all reads.
pub trait Transport {
    /// `DeviceIoControl`, waited for. The output is as long as the driver says.
    ///
    /// # Errors
    /// Only where the call itself could not be made: what the driver answers is in the status.
    fn ioctl(&mut self, code: u32, input: &[u8], output_len: usize) -> Result<(NtStatus, Vec<u8>), Error>;

    /// `ReadFile`, overlapped, for as many bytes as `buffer` has. That the driver refuses it is
    /// known when it is waited for.
    ///
    /// # Errors
    /// Where the call could not be made.
    fn read(&mut self, buffer: Vec<u8>) -> Result<ReadId, Error>;

    /// Waits for a read to end, at most for `timeout`; `None` when that is over. A read that has
    /// ended is not waited for again.
    ///
    /// # Errors
    /// Where the driver or the connection to it is gone.
    fn wait(&mut self, read: ReadId, timeout: Duration) -> Result<Option<Ended>, Error>;

    /// `CancelIoEx` for a read. It ends in any case and is still waited for.
    ///
    /// # Errors
    /// Where the driver or the connection to it is gone.
    fn cancel(&mut self, read: ReadId) -> Result<(), Error>;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn ioctl(&mut self, code: u32, input: &[u8], output_len: usize) -> Result<(NtStatus, Vec<u8>), Error> {
        (**self).ioctl(code, input, output_len)
    }

    fn read(&mut self, buffer: Vec<u8>) -> Result<ReadId, Error> {
        (**self).read(buffer)
    }

    fn wait(&mut self, read: ReadId, timeout: Duration) -> Result<Option<Ended>, Error> {
        (**self).wait(read, timeout)
    }

    fn cancel(&mut self, read: ReadId) -> Result<(), Error> {
        (**self).cancel(read)
    }
}
