//! Reads that wait for data, are filled while they can be cancelled, and end exactly once.
//!
//! A READ is a [`Read`] once its buffer is mapped; it waits in a manual queue ([`Read::pend`]), where the framework
//! withdraws it when it is cancelled. Taken from there ([`ReadQueue::take`]) and marked cancelable ([`Read::activate`]) it is an
//! [`ActiveRead`]. Two may want to end it then: its owner, when it is full or its time is up, and the framework's
//! cancel callback, which brings a [`CancelledRead`]. They meet in the request's context: each leaves a mark, and the
//! one who finds the other's mark there completes.
//!
//! Completions are collected in [`Completions`] while locks are held, and carried out after.

use core::{
    cell::Cell,
    ffi::c_void,
    mem::ManuallyDrop,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering},
};

use wdk_sys::{
    PFN_WDF_REQUEST_CANCEL, WDF_OBJECT_CONTEXT_TYPE_INFO, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST,
    call_unsafe_wdf_function_binding,
};

use crate::{NtStatus, request::Request};

/// The owner is done with the read.
const FINISHED: u32 = 1;
/// The cancel callback is done with it.
const CANCELLED: u32 = 2;

/// What the driver keeps beside every request; the framework zeroes it.
pub(crate) struct Context {
    buffer: AtomicPtr<u8>,
    length: AtomicUsize,
    /// Bytes valid, once the owner is done.
    filled: AtomicUsize,
    marks: AtomicU32,
    /// Next in a list of completions.
    next: AtomicPtr<c_void>,
}

struct TypeInfo(WDF_OBJECT_CONTEXT_TYPE_INFO);
// SAFETY: constant data that points to constant data.
unsafe impl Sync for TypeInfo {}

static TYPE_INFO: TypeInfo = TypeInfo(WDF_OBJECT_CONTEXT_TYPE_INFO {
    Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
    ContextName: c"ReadContext".as_ptr(),
    ContextSize: size_of::<Context>() as _,
    UniqueType: &raw const TYPE_INFO.0,
    EvtDriverGetUniqueContextType: None,
});

/// The type of the requests' context, for the device's request attributes.
pub(crate) fn context_type() -> *const WDF_OBJECT_CONTEXT_TYPE_INFO {
    TYPE_INFO.0.UniqueType
}

/// The context of a request that is not completed yet.
///
/// # Safety
/// The request stays uncompleted for `'a`.
unsafe fn context<'a>(request: WDFREQUEST) -> &'a Context {
    // SAFETY: every request of the device has this context (its request attributes say so).
    let context =
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, request.cast(), context_type()) };
    // SAFETY: the framework allocated and zeroed it for this type, whose fields may all be zero.
    unsafe { &*context.cast::<Context>() }
}

/// The caller's buffer of a READ, in system address space.
///
/// The pages belong to a program, which may look at them and write to them at any time, so they are never a slice:
/// bytes are stored, and what is looked at afterwards decides nothing.
#[derive(Clone, Copy)]
pub struct ReadBuffer {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: a system address, valid on every processor; see the type's documentation for what sharing it means.
unsafe impl Send for ReadBuffer {}
// SAFETY: as above.
unsafe impl Sync for ReadBuffer {}

impl ReadBuffer {
    /// Bytes there is room for.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no room at all.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Stores `bytes` at `offset`; nothing where they would not lie within the buffer. Any IRQL.
    ///
    /// Writers that store at once have reserved different ranges.
    pub fn put(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: bytes that nobody changes may be looked at as bytes that somebody may change.
        let cells = unsafe { &*(core::ptr::from_ref(bytes) as *const [Cell<u8>]) };
        self.put_cells(offset, cells);
    }

    /// As [`Self::put`], of bytes that their owner may change meanwhile, as those of a frame.
    pub fn put_cells(&self, offset: usize, bytes: &[Cell<u8>]) {
        if offset.checked_add(bytes.len()).is_none_or(|end| end > self.length) {
            return;
        }
        // SAFETY: the offset is within the buffer, checked above.
        let to = unsafe { self.start.add(offset) };
        // SAFETY: both ranges are valid, the target's by the check; a program's pages overlap nothing of the kernel's.
        unsafe { to.as_ptr().copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Copies what was stored at `offset` into `bytes`; nothing where it is not within the buffer. Any IRQL.
    ///
    /// The program may have changed it meanwhile: nothing that matters to anyone else may depend on it.
    pub fn look(&self, offset: usize, bytes: &mut [u8]) {
        if offset.checked_add(bytes.len()).is_none_or(|end| end > self.length) {
            return;
        }
        // SAFETY: the offset is within the buffer, checked above.
        let from = unsafe { self.start.add(offset) };
        // SAFETY: both ranges are valid, the source's by the check, and do not overlap.
        unsafe { from.as_ptr().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    }
}

/// The buffer of the read that is open now, for writers on any processor.
///
/// It is set before the read is opened to writers and does not change before the last of them is done; that order is
/// the business of whoever opens and closes.
pub struct OpenBuffer {
    start: AtomicPtr<u8>,
    length: AtomicUsize,
}

impl OpenBuffer {
    /// None yet.
    pub const fn new() -> Self {
        Self { start: AtomicPtr::new(null_mut()), length: AtomicUsize::new(0) }
    }

    /// Makes this the buffer of the read about to be opened.
    pub fn set(&self, buffer: ReadBuffer) {
        self.start.store(buffer.start.as_ptr(), Ordering::Relaxed);
        self.length.store(buffer.length, Ordering::Release);
    }

    /// The buffer of the open read.
    pub fn get(&self) -> Option<ReadBuffer> {
        let length = self.length.load(Ordering::Acquire);
        let start = NonNull::new(self.start.load(Ordering::Relaxed))?;
        Some(ReadBuffer { start, length })
    }
}

impl Default for OpenBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// A READ whose buffer is mapped.
#[must_use = "a read must be completed or pended"]
pub struct Read {
    request: Request,
    buffer: ReadBuffer,
}

impl Read {
    /// Maps the buffer of a READ. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// The request and why not: the buffer is shorter than `min`, or cannot be mapped now.
    pub fn map(request: Request, min: usize) -> Result<Self, (Request, NtStatus)> {
        let (start, length) = match request.output_buffer(min) {
            Ok(found) => found,
            Err(status) => return Err((request, status)),
        };
        let Some(start) = NonNull::new(start.cast::<u8>()) else {
            return Err((request, NtStatus::INSUFFICIENT_RESOURCES));
        };
        // SAFETY: the request is owned, hence not completed.
        let context = unsafe { context(request.handle()) };
        context.buffer.store(start.as_ptr(), Ordering::Relaxed);
        context.length.store(length, Ordering::Release);
        Ok(Self { request, buffer: ReadBuffer { start, length } })
    }

    /// Where the bytes go.
    pub const fn buffer(&self) -> ReadBuffer {
        self.buffer
    }

    /// Puts the read into the queue to wait. Up to DISPATCH_LEVEL, no lock held.
    pub fn pend(self, queue: ReadQueue) -> Result<(), (Request, NtStatus)> {
        let handle = self.request.handle();
        // SAFETY: the request is owned and not cancelable; the queue is one of the same device.
        let status = unsafe { call_unsafe_wdf_function_binding!(WdfRequestForwardToIoQueue, handle, queue.0) };
        match NtStatus(status).check() {
            Ok(()) => {
                let _ = self.request.into_raw();
                Ok(())
            }
            Err(status) => Err((self.request, status)),
        }
    }

    /// Makes the read cancelable while it is filled. Up to DISPATCH_LEVEL.
    ///
    /// # Errors
    /// The read, where it is cancelled already: complete it.
    pub(crate) fn activate(self, cancel: PFN_WDF_REQUEST_CANCEL) -> Result<ActiveRead, Self> {
        let handle = self.request.handle();
        // SAFETY: the request is owned and not cancelable; the Ex form never calls back from inside.
        let status = unsafe { call_unsafe_wdf_function_binding!(WdfRequestMarkCancelableEx, handle, cancel) };
        if NtStatus(status).check().is_err() {
            return Err(self);
        }
        Ok(ActiveRead { handle: self.request.into_raw(), buffer: self.buffer })
    }

    /// Ends the read with so many bytes: success, or cancelled where there are none.
    pub fn finish(self, filled: usize, done: &mut Completions) {
        // SAFETY: the request is owned, hence not completed.
        let context = unsafe { context(self.request.handle()) };
        context.filled.store(filled, Ordering::Relaxed);
        done.push(self.request);
    }
}

/// A read that is being filled and may be cancelled meanwhile. It ends by one of its two methods.
#[must_use = "an active read must be finished"]
pub struct ActiveRead {
    handle: WDFREQUEST,
    buffer: ReadBuffer,
}

// SAFETY: a framework handle may be used from any thread.
unsafe impl Send for ActiveRead {}

impl ActiveRead {
    /// Where the bytes go.
    pub const fn buffer(&self) -> ReadBuffer {
        self.buffer
    }

    /// Whether it is this read that the framework cancels.
    pub fn is(&self, cancelled: &CancelledRead) -> bool {
        self.handle == cancelled.0
    }

    /// Ends the read with so many bytes; outside of its cancel callback. Up to DISPATCH_LEVEL.
    pub fn finish(self, filled: usize, done: &mut Completions) {
        let handle = ManuallyDrop::new(self).handle;
        // SAFETY: the read is not completed: only the second of the two marks leads there, and ours is missing.
        let context = unsafe { context(handle) };
        context.filled.store(filled, Ordering::Relaxed);
        // SAFETY: the request is marked cancelable and not completed.
        let status = unsafe { call_unsafe_wdf_function_binding!(WdfRequestUnmarkCancelable, handle) };
        // Cancelled: the callback has come or will come, and whoever marks second completes.
        let ours =
            NtStatus(status).check().is_ok() || context.marks.fetch_or(FINISHED, Ordering::AcqRel) & CANCELLED != 0;
        if ours {
            // SAFETY: the callback will not come (unmarked), or is done with it (its mark).
            done.push(unsafe { Request::from_raw(handle) });
        }
    }

    /// Ends the read with so many bytes, inside its cancel callback, whose [`CancelledRead::finish`] comes after.
    pub fn finish_cancelled(self, filled: usize) {
        let handle = ManuallyDrop::new(self).handle;
        // SAFETY: the callback has not marked yet, so nobody has completed it.
        let context = unsafe { context(handle) };
        context.filled.store(filled, Ordering::Relaxed);
        context.marks.fetch_or(FINISHED, Ordering::AcqRel);
    }
}

/// What the cancel callback brings: the read may still be with its owner.
#[must_use = "the cancel callback must leave its mark"]
pub struct CancelledRead(WDFREQUEST);

impl CancelledRead {
    /// # Safety
    /// Called once in EvtRequestCancel, for the request that it is given.
    pub(crate) const unsafe fn from_raw(handle: WDFREQUEST) -> Self {
        Self(handle)
    }

    /// The callback is done: the read is completed here if its owner is done too, else by its owner.
    pub fn finish(self, done: &mut Completions) {
        // SAFETY: not completed before this mark is left.
        let context = unsafe { context(self.0) };
        if context.marks.fetch_or(CANCELLED, Ordering::AcqRel) & FINISHED != 0 {
            // SAFETY: the owner is done with it and left completing to us.
            done.push(unsafe { Request::from_raw(self.0) });
        }
    }
}

/// The manual queue in which reads wait.
#[derive(Clone, Copy)]
pub struct ReadQueue(pub(crate) WDFQUEUE);

// SAFETY: a framework handle may be used from any thread.
unsafe impl Send for ReadQueue {}
// SAFETY: as above.
unsafe impl Sync for ReadQueue {}

impl ReadQueue {
    /// Takes the first read of this file that waits. Up to DISPATCH_LEVEL.
    pub(crate) fn take(self, file: WDFFILEOBJECT) -> Option<Read> {
        let mut handle = null_mut();
        // SAFETY: both handles are alive, the pointer is to a local.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(WdfIoQueueRetrieveRequestByFileObject, self.0, file, &raw mut handle)
        };
        NtStatus(status).check().ok()?;
        // SAFETY: the framework gave us the request.
        let request = unsafe { Request::from_raw(handle) };
        // SAFETY: the request is owned, hence not completed.
        let context = unsafe { context(request.handle()) };
        let length = context.length.load(Ordering::Acquire);
        let start = NonNull::new(context.buffer.load(Ordering::Relaxed))?;
        Some(Read { request, buffer: ReadBuffer { start, length } })
    }
}

/// Reads to complete, in order, once no lock is held. Holds any number without allocating: the list goes through the
/// requests' own contexts.
#[must_use = "the completions must be carried out"]
#[derive(Default)]
pub struct Completions {
    first: Option<NonNull<c_void>>,
    last: Option<NonNull<c_void>>,
}

impl Completions {
    /// None yet.
    pub const fn new() -> Self {
        Self { first: None, last: None }
    }

    fn push(&mut self, request: Request) {
        let Some(handle) = NonNull::new(request.into_raw().cast::<c_void>()) else { return };
        match self.last {
            // SAFETY: in the list, hence not completed yet.
            Some(last) => unsafe { context(last.as_ptr().cast()) }.next.store(handle.as_ptr(), Ordering::Relaxed),
            None => self.first = Some(handle),
        }
        self.last = Some(handle);
    }

    /// Completes them all. Up to DISPATCH_LEVEL, no lock held.
    pub fn complete(mut self) {
        self.drain();
    }

    fn drain(&mut self) {
        self.last = None;
        while let Some(handle) = self.first.take() {
            // SAFETY: in the list, hence not completed yet.
            let context = unsafe { context(handle.as_ptr().cast()) };
            self.first = NonNull::new(context.next.load(Ordering::Relaxed));
            let filled = context.filled.load(Ordering::Acquire);
            // SAFETY: `push` took the ownership, and this ends it.
            let request = unsafe { Request::from_raw(handle.as_ptr().cast()) };
            if filled == 0 {
                request.complete(NtStatus::CANCELLED, 0);
            } else {
                request.complete(NtStatus::SUCCESS, filled);
            }
        }
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        self.drain();
    }
}
