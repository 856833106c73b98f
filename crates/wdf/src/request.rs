//! A request that the driver owns: it is completed exactly once, by consuming it.

use core::{mem::ManuallyDrop, ptr::null_mut, slice};

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

    /// The input of a buffered request, at least `min` bytes of it.
    ///
    /// The length is that of the request's own buffer. Input and output share it: take what is needed from the input
    /// before writing the output. PASSIVE_LEVEL.
    pub fn input(&self, min: usize) -> Result<&[u8], NtStatus> {
        let mut buffer: PVOID = null_mut();
        let mut length = 0;
        // SAFETY: the request is owned, the pointers are to locals.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveInputBuffer,
                self.0,
                min,
                &raw mut buffer,
                &raw mut length
            )
        };
        NtStatus(status).check()?;
        // SAFETY: the system buffer is the request's as long as it is not completed, and `self` is borrowed meanwhile.
        Ok(unsafe { slice::from_raw_parts(buffer.cast::<u8>(), length) })
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

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: the request is owned and this is its end.
        unsafe { call_unsafe_wdf_function_binding!(WdfRequestComplete, self.0, NtStatus::CANCELLED.0) };
    }
}
