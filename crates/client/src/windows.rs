//! File calls on Windows, overlapped. The only file of the crate with `unsafe`.
//!
//! A call's `OVERLAPPED` and buffers live in a box of their own from the moment the call is made
//! until it has ended: the kernel writes to them meanwhile. Nothing here frees them earlier;
//! dropping the device cancels what is under way and waits for it.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;

use nblease_abi::NtStatus;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_IO_INCOMPLETE, ERROR_IO_PENDING, ERROR_NOT_FOUND,
    ERROR_PATH_NOT_FOUND, GENERIC_READ, GENERIC_WRITE, GetLastError, HANDLE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT,
};
use windows_sys::Win32::Storage::FileSystem::{CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, ReadFile};
use windows_sys::Win32::System::IO::{CancelIoEx, DeviceIoControl, GetOverlappedResultEx, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE};

use crate::{Ended, Error, ReadId, Target, Transport};

/// An open handle of the control device.
pub struct WinDevice {
    handle: OwnedHandle,
    next_id: u64,
    reads: HashMap<u64, Box<Call>>,
}

/// A call that is under way or has ended. It does not move while under way.
struct Call {
    overlapped: OVERLAPPED,
    /// The event of `overlapped`; closed after it.
    _event: OwnedHandle,
    buffer: Vec<u8>,
    /// The error with which the call failed at once, without ever being under way.
    refused: Option<u32>,
}

impl Call {
    fn new(buffer: Vec<u8>) -> Result<Box<Self>, Error> {
        // SAFETY: no security attributes, no name; the event is new and is ours to close.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(Error::Lost(io::Error::last_os_error()));
        }
        // SAFETY: the handle was just created and nobody else has it.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        // SAFETY: OVERLAPPED is plain data for which all zeros is the documented start.
        let mut overlapped: OVERLAPPED = unsafe { mem::zeroed() };
        overlapped.hEvent = event.as_raw_handle();
        Ok(Box::new(Self { overlapped, _event: event, buffer, refused: None }))
    }

    /// Notes how making the call went: `ok` is what ReadFile or DeviceIoControl returned.
    fn made(&mut self, ok: i32) {
        if ok == 0 {
            let error = last_error();
            self.refused = Some(error).filter(|&error| error != ERROR_IO_PENDING);
        }
    }

    /// Waits for the end of the call: status and bytes, or `None` when `milliseconds` have passed.
    fn wait(&mut self, handle: HANDLE, milliseconds: u32) -> Option<(NtStatus, usize)> {
        if let Some(error) = self.refused {
            return Some((status_of(error), 0));
        }
        let mut bytes = 0;
        // SAFETY: `overlapped` is that of a call made on `handle`, and is where it was then, since
        // the box does not move.
        let ok = unsafe { GetOverlappedResultEx(handle, &raw const self.overlapped, &raw mut bytes, milliseconds, 0) };
        if ok != 0 {
            return Some((NtStatus::SUCCESS, bytes as usize));
        }
        match last_error() {
            WAIT_TIMEOUT | ERROR_IO_INCOMPLETE => None,
            error => Some((status_of(error), 0)),
        }
    }
}

fn last_error() -> u32 {
    // SAFETY: reads a value of the calling thread.
    unsafe { GetLastError() }
}

/// The status behind an error; what the table does not have is told as STATUS_UNSUCCESSFUL.
fn status_of(error: u32) -> NtStatus {
    NtStatus::from_win32(error).unwrap_or(NtStatus::UNSUCCESSFUL)
}

impl WinDevice {
    /// Opens the device `name`; `target` is what errors name.
    ///
    /// # Errors
    /// Where there is no such device or it may not be opened.
    pub fn open(target: &Target, name: &str) -> Result<Self, Error> {
        let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
        // SAFETY: the name ends with 0 and outlives the call; no security attributes, no template.
        let handle = unsafe {
            CreateFileW(
                wide.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                0,
                ptr::null(),
                OPEN_EXISTING,
                FILE_FLAG_OVERLAPPED,
                ptr::null_mut(),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(match last_error() {
                ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND => Error::NoDevice(target.clone()),
                ERROR_ACCESS_DENIED => Error::AccessDenied(target.clone()),
                error => Error::Open(target.clone(), io::Error::from_raw_os_error(error.cast_signed())),
            });
        }
        // SAFETY: the handle was just opened and nobody else has it.
        let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
        Ok(Self { handle, next_id: 1, reads: HashMap::new() })
    }

    fn raw(&self) -> HANDLE {
        self.handle.as_raw_handle()
    }
}

impl Transport for WinDevice {
    fn ioctl(&mut self, code: u32, input: &[u8], output_len: usize) -> Result<(NtStatus, Vec<u8>), Error> {
        let mut call = Call::new(vec![0; output_len])?;
        let (Ok(input_len), Ok(output_len)) = (u32::try_from(input.len()), u32::try_from(output_len)) else {
            return Ok((NtStatus::INVALID_PARAMETER, Vec::new()));
        };
        // SAFETY: input and output are as long as is said, and they and `overlapped` stay in place
        // until the wait below, which has no time limit, has returned.
        let ok = unsafe {
            DeviceIoControl(
                self.raw(),
                code,
                input.as_ptr().cast(),
                input_len,
                call.buffer.as_mut_ptr().cast(),
                output_len,
                ptr::null_mut(),
                &raw mut call.overlapped,
            )
        };
        call.made(ok);
        let Some((status, len)) = call.wait(self.raw(), INFINITE) else {
            // A wait without a limit does not time out. Were it to, the call would still be under way.
            mem::forget(call);
            return Err(Error::Lost(io::Error::from(io::ErrorKind::TimedOut)));
        };
        let mut output = mem::take(&mut call.buffer);
        output.truncate(len);
        Ok((status, output))
    }

    fn read(&mut self, buffer: Vec<u8>) -> Result<ReadId, Error> {
        let id = self.next_id;
        self.next_id += 1;
        let len = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let handle = self.raw();
        let call = self.reads.entry(id).insert_entry(Call::new(buffer)?).into_mut();
        // SAFETY: the buffer has at least `len` bytes; it and `overlapped` stay in place until the
        // read has ended: in `reads`, which gives a call out only then and waits when dropped.
        let ok = unsafe { ReadFile(handle, call.buffer.as_mut_ptr(), len, ptr::null_mut(), &raw mut call.overlapped) };
        call.made(ok);
        Ok(ReadId(id))
    }

    fn wait(&mut self, read: ReadId, timeout: Duration) -> Result<Option<Ended>, Error> {
        let handle = self.raw();
        let unknown = || Error::Lost(io::Error::from(io::ErrorKind::NotFound));
        let call = self.reads.get_mut(&read.0).ok_or_else(unknown)?;
        let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(INFINITE - 1);
        let Some((status, len)) = call.wait(handle, milliseconds) else {
            return Ok(None);
        };
        let mut call = self.reads.remove(&read.0).ok_or_else(unknown)?;
        Ok(Some(Ended { status, buffer: mem::take(&mut call.buffer), len }))
    }

    fn cancel(&mut self, read: ReadId) -> Result<(), Error> {
        let handle = self.raw();
        let Some(call) = self.reads.get(&read.0) else {
            return Ok(());
        };
        // SAFETY: `overlapped` is that of a call made on `handle`; that it may have ended is allowed.
        let ok = unsafe { CancelIoEx(handle, &raw const call.overlapped) };
        match last_error() {
            error if ok == 0 && error != ERROR_NOT_FOUND => {
                Err(Error::Lost(io::Error::from_raw_os_error(error.cast_signed())))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for WinDevice {
    /// Cancels what is under way and waits until nothing writes to its buffers any more.
    fn drop(&mut self) {
        let handle = self.raw();
        // SAFETY: null stands for every call of this process on the handle, which is open.
        unsafe { CancelIoEx(handle, ptr::null()) };
        for (_, mut call) in self.reads.drain() {
            if call.wait(handle, INFINITE).is_none() {
                mem::forget(call);
            }
        }
    }
}
