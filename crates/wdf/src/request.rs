//! A request that the driver owns: it is completed exactly once, by consuming it.

use core::{marker::PhantomData, mem::ManuallyDrop, ptr::null_mut, slice};

use wdk_sys::{PVOID, WDFREQUEST, call_unsafe_wdf_function_binding};

use crate::NtStatus;

/// A request in the driver's hands. Dropping it completes it with STATUS_CANCELLED.
///
/// No lock may be held where it is completed: the caller's completion runs inside.
#[must_use = "a request must be completed"]
pub struct Request(WDFREQUEST);

// SAFETY: a framework handle may be used from any thread; the request has one owner.
unsafe impl Send for Request {}

impl Request {
    /// # Safety
    /// The driver owns the request, and gives this ownership to the value.
    pub(crate) const unsafe fn from_raw(handle: WDFREQUEST) -> Self {
        Self(handle)
    }

    /// The handle, owned by the caller from here on.
    pub(crate) fn into_raw(self) -> WDFREQUEST {
        ManuallyDrop::new(self).0
    }

    pub(crate) const fn handle(&self) -> WDFREQUEST {
        self.0
    }

    /// Completes the request: `information` is the number of bytes valid in its output buffer. Up to DISPATCH_LEVEL.
    pub fn complete(self, status: NtStatus, information: usize) {
        let handle = self.into_raw();
        // SAFETY: the request is owned and this is its end.
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestCompleteWithInformation,
                handle,
                status.0,
                information as wdk_sys::ULONG_PTR
            );
        }
    }

    /// Input and output of a buffered request, of which neither is empty; once they are there, nothing of them can fail
    /// any more. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// STATUS_BUFFER_TOO_SMALL where one is empty, STATUS_INSUFFICIENT_RESOURCES.
    pub fn buffers(&mut self) -> Result<Buffers<'_>, NtStatus> {
        let (input, input_len) = self.input_buffer()?;
        let (output, output_len) = self.output_buffer(0)?;
        Ok(Buffers { input, input_len, output, output_len, _request: PhantomData })
    }

    /// Address and length of the input buffer.
    fn input_buffer(&self) -> Result<(PVOID, usize), NtStatus> {
        let mut buffer: PVOID = null_mut();
        let mut length = 0;
        // SAFETY: the request is owned, the pointers are to locals.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveInputBuffer,
                self.0,
                0,
                &raw mut buffer,
                &raw mut length
            )
        };
        NtStatus(status).check()?;
        Ok((buffer, length))
    }

    /// The output of a buffered request, at least `min` bytes of it. PASSIVE_LEVEL.
    pub fn output(&mut self, min: usize) -> Result<&mut [u8], NtStatus> {
        let (buffer, length) = self.output_buffer(min)?;
        // SAFETY: the system buffer is the request's as long as it is not completed, and `self` is borrowed exclusively.
        Ok(unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>(), length) })
    }

    /// Address and length of the output buffer, mapped where the request is direct.
    pub(crate) fn output_buffer(&self, min: usize) -> Result<(PVOID, usize), NtStatus> {
        let mut buffer: PVOID = null_mut();
        let mut length = 0;
        // SAFETY: the request is owned, the pointers are to locals.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveOutputBuffer,
                self.0,
                min,
                &raw mut buffer,
                &raw mut length
            )
        };
        NtStatus(status).check()?;
        Ok((buffer, length))
    }
}

/// Input and output of a buffered request. They are the same memory: to write the output is to give the input up.
pub struct Buffers<'a> {
    input: PVOID,
    input_len: usize,
    output: PVOID,
    output_len: usize,
    _request: PhantomData<&'a mut Request>,
}

impl<'a> Buffers<'a> {
    /// The input, as long as the request's own buffer is.
    pub const fn input(&self) -> &[u8] {
        // SAFETY: the system buffer is the request's, which is borrowed, and not completed meanwhile; nobody else writes it.
        unsafe { slice::from_raw_parts(self.input.cast::<u8>(), self.input_len) }
    }

    /// Bytes that the output has room for.
    pub const fn output_len(&self) -> usize {
        self.output_len
    }

    /// The output.
    pub const fn into_output(self) -> &'a mut [u8] {
        // SAFETY: as for the input, which is not borrowed any more.
        unsafe { slice::from_raw_parts_mut(self.output.cast::<u8>(), self.output_len) }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: the request is owned and this is its end.
        unsafe { call_unsafe_wdf_function_binding!(WdfRequestComplete, self.0, NtStatus::CANCELLED.0) };
    }
}
