//! The system's cancel spin lock, and cancel-safe queues (`IO_CSQ`) on top of it. IRQL up to DISPATCH_LEVEL.
//!
//! After "Cancel-safe IRP queues" of the Windows driver documentation. The queue is the driver's, behind its callbacks;
//! what is here is the protocol between insertion, removal and cancellation. The callbacks run as part of the driver's
//! own call.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use nblease_ndis::sys::{DEVICE_OBJECT, IO_CSQ, IRP, KIRQL, NTSTATUS, PDRIVER_CANCEL, PVOID, STATUS_SUCCESS, ULONG};

use super::{enter, irql, spinlock};
use crate::{exports, judge::rule, kernel::kernel, pe::Export, thread::DISPATCH_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "IoAcquireCancelSpinLock" => io_acquire_cancel_spin_lock,
    "IoCsqInitialize" => io_csq_initialize,
    "IoCsqInitializeEx" => io_csq_initialize_ex,
    "IoCsqInsertIrp" => io_csq_insert_irp,
    "IoCsqInsertIrpEx" => io_csq_insert_irp_ex,
    "IoCsqRemoveIrp" => io_csq_remove_irp,
    "IoCsqRemoveNextIrp" => io_csq_remove_next_irp,
    "IoReleaseCancelSpinLock" => io_release_cancel_spin_lock,
};

/// `IO_TYPE_CSQ_IRP_CONTEXT`, `IO_TYPE_CSQ`, `IO_TYPE_CSQ_EX`.
const CONTEXT: ULONG = 1;
const QUEUE: ULONG = 2;
const QUEUE_EX: ULONG = 3;
/// `SL_PENDING_RETURNED`.
const PENDING_RETURNED: u8 = 1;

/// The cancel spin lock.
#[derive(Default)]
pub struct CancelLock {
    word: AtomicUsize,
}

/// Takes the cancel spin lock: the IRQL before.
pub(crate) fn acquire() -> KIRQL {
    let before = irql::raise_to_dispatch();
    spinlock::acquire("IoAcquireCancelSpinLock", kernel().nt.cancel_lock.word.as_ptr(), Some(before));
    before
}

/// Gives it back, and goes to an IRQL.
pub(crate) fn release(to: KIRQL) {
    spinlock::release("IoReleaseCancelSpinLock", kernel().nt.cancel_lock.word.as_ptr(), Some(to));
}

/// The inline `IoSetCancelRoutine`: the routine before.
pub(crate) fn exchange_routine(irp: &mut IRP, routine: PDRIVER_CANCEL) -> PDRIVER_CANCEL {
    let place: *mut *mut () = (&raw mut irp.CancelRoutine).cast();
    // SAFETY: the field is a pointer, aligned and alive as the IRP is; drivers exchange it atomically too.
    let place = unsafe { AtomicPtr::from_ptr(place) };
    let new = routine.map_or(std::ptr::null_mut(), |routine| routine as *mut ());
    let before = place.swap(new, Ordering::SeqCst);
    // SAFETY: only routines of this type, or null, are stored there.
    unsafe { std::mem::transmute::<*mut (), PDRIVER_CANCEL>(before) }
}

unsafe extern "win64" fn io_acquire_cancel_spin_lock(irql: *mut KIRQL) {
    enter("IoAcquireCancelSpinLock", DISPATCH_LEVEL);
    let before = acquire();
    // SAFETY: the DDI demands storage for the IRQL.
    unsafe { irql.write(before) };
}

unsafe extern "win64" fn io_release_cancel_spin_lock(to: KIRQL) {
    release(to);
}

/// `IO_CSQ_IRP_CONTEXT`.
#[repr(C)]
struct IrpContext {
    kind: ULONG,
    irp: *mut IRP,
    queue: *mut IO_CSQ,
}

type Insert = unsafe extern "win64" fn(*mut IO_CSQ, *mut IRP);
type InsertEx = unsafe extern "win64" fn(*mut IO_CSQ, *mut IRP, PVOID) -> NTSTATUS;
type Remove = unsafe extern "win64" fn(*mut IO_CSQ, *mut IRP);
type Peek = unsafe extern "win64" fn(*mut IO_CSQ, *mut IRP, PVOID) -> *mut IRP;
type Acquire = unsafe extern "win64" fn(*mut IO_CSQ, *mut KIRQL);
type Release = unsafe extern "win64" fn(*mut IO_CSQ, KIRQL);
type Complete = unsafe extern "win64" fn(*mut IO_CSQ, *mut IRP);

/// A driver's queue, by its callbacks.
#[derive(Clone, Copy)]
struct Queue(*mut IO_CSQ);

impl Queue {
    fn fields(self) -> IO_CSQ {
        // SAFETY: the DDI demands an initialized queue, which lives while it is used; what is none faults.
        unsafe { *self.0 }
    }

    fn lock(self) -> KIRQL {
        let mut irql = 0;
        // SAFETY: the driver's callback, as it gave it.
        let acquire = unsafe { std::mem::transmute::<PVOID, Acquire>(self.fields().CsqAcquireLock) };
        // SAFETY: as above.
        unsafe { acquire(self.0, &raw mut irql) };
        irql
    }

    fn unlock(self, irql: KIRQL) {
        // SAFETY: the driver's callback, as it gave it.
        let release = unsafe { std::mem::transmute::<PVOID, Release>(self.fields().CsqReleaseLock) };
        // SAFETY: as above.
        unsafe { release(self.0, irql) };
    }

    /// Inserts an IRP: what the driver says to it.
    fn insert(self, irp: *mut IRP, context: PVOID) -> NTSTATUS {
        let IO_CSQ { Type, CsqInsertIrp, .. } = self.fields();
        if Type == QUEUE_EX {
            // SAFETY: the driver's callback, as it gave it.
            let insert = unsafe { std::mem::transmute::<PVOID, InsertEx>(CsqInsertIrp) };
            // SAFETY: as above.
            return unsafe { insert(self.0, irp, context) };
        }
        // SAFETY: the driver's callback, as it gave it.
        let insert = unsafe { std::mem::transmute::<PVOID, Insert>(CsqInsertIrp) };
        // SAFETY: as above.
        unsafe { insert(self.0, irp) };
        STATUS_SUCCESS
    }

    fn remove(self, irp: *mut IRP) {
        // SAFETY: the driver's callback, as it gave it.
        let remove = unsafe { std::mem::transmute::<PVOID, Remove>(self.fields().CsqRemoveIrp) };
        // SAFETY: as above.
        unsafe { remove(self.0, irp) };
    }

    /// The IRP after `irp`, or the first, that fits what the driver peeks for.
    fn peek(self, irp: *mut IRP, what: PVOID) -> *mut IRP {
        // SAFETY: the driver's callback, as it gave it.
        let peek = unsafe { std::mem::transmute::<PVOID, Peek>(self.fields().CsqPeekNextIrp) };
        // SAFETY: as above.
        unsafe { peek(self.0, irp, what) }
    }

    fn complete_canceled(self, irp: *mut IRP) {
        // SAFETY: the driver's callback, as it gave it.
        let complete = unsafe { std::mem::transmute::<PVOID, Complete>(self.fields().CsqCompleteCanceledIrp) };
        // SAFETY: as above.
        unsafe { complete(self.0, irp) };
    }
}

fn irp_of<'a>(irp: *mut IRP) -> &'a mut IRP {
    // SAFETY: the DDI demands an IRP that the driver has; what is none faults and is reported.
    unsafe { &mut *irp }
}

/// The word of an IRP that a queue uses: its context, or itself. (`Tail.Overlay.DriverContext[3]`.)
fn word_of<'a>(irp: *mut IRP) -> &'a mut PVOID {
    // SAFETY: each view of the union holds its bytes; the words are plain.
    let overlay = unsafe { &mut irp_of(irp).Tail.Overlay };
    &mut overlay.DriverContext[3]
}

fn context_of<'a>(context: *mut IrpContext) -> Option<&'a mut IrpContext> {
    // SAFETY: the DDI demands null or storage that lives as long as the IRP is in the queue.
    unsafe { context.as_mut() }
}

/// Makes the IRP forget its queue, and the context its IRP.
fn detach(irp: *mut IRP) {
    let word = std::mem::replace(word_of(irp), std::ptr::null_mut());
    let context: *mut IrpContext = word.cast();
    if let Some(context) = context_of(context).filter(|context| context.kind == CONTEXT) {
        context.irp = std::ptr::null_mut();
    }
}

unsafe extern "win64" fn io_csq_initialize(
    queue: *mut IO_CSQ,
    insert: PVOID,
    remove: PVOID,
    peek: PVOID,
    acquire: PVOID,
    release: PVOID,
    complete: PVOID,
) -> NTSTATUS {
    initialize(QUEUE, queue, [insert, remove, peek, acquire, release, complete])
}

unsafe extern "win64" fn io_csq_initialize_ex(
    queue: *mut IO_CSQ,
    insert: PVOID,
    remove: PVOID,
    peek: PVOID,
    acquire: PVOID,
    release: PVOID,
    complete: PVOID,
) -> NTSTATUS {
    initialize(QUEUE_EX, queue, [insert, remove, peek, acquire, release, complete])
}

fn initialize(kind: ULONG, queue: *mut IO_CSQ, callbacks: [PVOID; 6]) -> NTSTATUS {
    enter("IoCsqInitialize", DISPATCH_LEVEL);
    let [insert, remove, peek, acquire, release, complete] = callbacks;
    let contents = IO_CSQ {
        Type: kind,
        CsqInsertIrp: insert,
        CsqRemoveIrp: remove,
        CsqPeekNextIrp: peek,
        CsqAcquireLock: acquire,
        CsqReleaseLock: release,
        CsqCompleteCanceledIrp: complete,
        ReservePointer: std::ptr::null_mut(),
    };
    // SAFETY: the DDI demands storage for a queue.
    unsafe { queue.write(contents) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn io_csq_insert_irp(queue: *mut IO_CSQ, irp: *mut IRP, context: *mut IrpContext) {
    insert(queue, irp, context, std::ptr::null_mut());
}

unsafe extern "win64" fn io_csq_insert_irp_ex(
    queue: *mut IO_CSQ,
    irp: *mut IRP,
    context: *mut IrpContext,
    insert_context: PVOID,
) -> NTSTATUS {
    insert(queue, irp, context, insert_context)
}

fn insert(queue: *mut IO_CSQ, irp: *mut IRP, context: *mut IrpContext, insert_context: PVOID) -> NTSTATUS {
    enter("IoCsqInsertIrp", DISPATCH_LEVEL);
    let csq = Queue(queue);
    *word_of(irp) = if let Some(fields) = context_of(context) {
        *fields = IrpContext { kind: CONTEXT, irp, queue };
        context.cast()
    } else {
        queue.cast()
    };
    let irql = csq.lock();
    let status = csq.insert(irp, insert_context);
    if status < 0 {
        detach(irp);
        csq.unlock(irql);
        return status;
    }
    mark_pending(irp);
    exchange_routine(irp_of(irp), Some(cancel_routine()));
    // Cancelled before the routine was there: whoever takes the routine away has the IRP.
    if irp_of(irp).Cancel != 0 && exchange_routine(irp_of(irp), None).is_some() {
        detach(irp);
        csq.remove(irp);
        csq.unlock(irql);
        csq.complete_canceled(irp);
    } else {
        csq.unlock(irql);
    }
    status
}

/// `IoMarkIrpPending`.
fn mark_pending(irp: *mut IRP) {
    // SAFETY: each view of the union holds its bytes.
    let stack = unsafe { irp_of(irp).Tail.Overlay.CurrentStackLocation };
    // SAFETY: an IRP that a driver has is at one of its stack locations.
    unsafe { (*stack).Control |= PENDING_RETURNED };
}

/// The routine that a queue gives its IRPs.
fn cancel_routine() -> nblease_ndis::sys::DRIVER_CANCEL {
    // SAFETY: "efiapi" is "win64" on x86-64.
    unsafe { std::mem::transmute::<unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP), _>(csq_cancel) }
}

unsafe extern "win64" fn csq_cancel(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    release(irp_of(irp).CancelIrql);
    let word = *word_of(irp);
    // SAFETY: a queue and a context both begin with their type.
    let kind = unsafe { word.cast::<ULONG>().read() };
    let context = context_of(word.cast::<IrpContext>()).filter(|_| kind == CONTEXT);
    let csq = Queue(context.map_or(word.cast(), |context| context.queue));
    let irql = csq.lock();
    csq.remove(irp);
    detach(irp);
    csq.unlock(irql);
    csq.complete_canceled(irp);
}

unsafe extern "win64" fn io_csq_remove_next_irp(queue: *mut IO_CSQ, what: PVOID) -> *mut IRP {
    enter("IoCsqRemoveNextIrp", DISPATCH_LEVEL);
    let csq = Queue(queue);
    let irql = csq.lock();
    let mut irp = csq.peek(std::ptr::null_mut(), what);
    // One without a routine is being cancelled: the cancel routine waits for the lock.
    while !irp.is_null() && exchange_routine(irp_of(irp), None).is_none() {
        irp = csq.peek(irp, what);
    }
    if !irp.is_null() {
        csq.remove(irp);
        detach(irp);
    }
    csq.unlock(irql);
    irp
}

unsafe extern "win64" fn io_csq_remove_irp(queue: *mut IO_CSQ, context: *mut IrpContext) -> *mut IRP {
    enter("IoCsqRemoveIrp", DISPATCH_LEVEL);
    let csq = Queue(queue);
    let irql = csq.lock();
    let Some(fields) = context_of(context) else {
        kernel().judge.fatal(rule::V36, "IoCsqRemoveIrp without a context", Vec::new());
    };
    let mut irp = fields.irp;
    if !irp.is_null() {
        if exchange_routine(irp_of(irp), None).is_some() {
            csq.remove(irp);
            detach(irp);
        } else {
            irp = std::ptr::null_mut();
        }
    }
    csq.unlock(irql);
    irp
}
