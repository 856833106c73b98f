//! Threads that drivers make (`PsCreateSystemThread`). PASSIVE_LEVEL.
//!
//! A thread that still runs when its driver is unloaded breaks V35.

use std::{
    arch::naked_asm,
    cell::Cell,
    sync::{Mutex, atomic::Ordering},
};

use nblease_ndis::sys::{
    DISPATCHER_HEADER, HANDLE, KPRIORITY, NTSTATUS, OBJECT_ATTRIBUTES, PKSTART_ROUTINE, PVOID,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
};

use super::{HIGH_LEVEL, dpc::owner, enter, object::Object, wait};
use crate::{
    exports,
    faults::FaultKind,
    kernel::{DriverId, kernel},
    pe::Export,
    processor,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "IoThreadToProcess" => io_thread_to_process,
    "KeGetCurrentThread" => ke_get_current_thread,
    "KeQueryPriorityThread" => ke_query_priority_thread,
    "KeSetBasePriorityThread" => ke_set_priority_thread,
    "KeSetPriorityThread" => ke_set_priority_thread,
    PsCreateSystemThread => ps_create_system_thread,
    "PsGetCurrentThread" => ke_get_current_thread,
    "PsGetCurrentThreadId" => ps_get_current_thread_id,
    "PsGetThreadId" => ps_get_thread_id,
    "PsIsSystemThread" => ps_is_system_thread,
    "PsTerminateSystemThread" => ps_terminate_system_thread,
};

/// Priority of ordinary system threads.
const PRIORITY: KPRIORITY = 8;

thread_local! {
    /// Stack pointer to go back to when a thread ends itself; 0: this thread is not a driver's.
    static WAY_OUT: Cell<usize> = const { Cell::new(0) };
}

/// The threads that run: driver and address of the thread's object.
#[derive(Default)]
pub struct SystemThreads {
    running: Mutex<Vec<(DriverId, usize)>>,
}

impl SystemThreads {
    /// How many of a driver's threads run.
    pub(super) fn of(&self, driver: DriverId) -> usize {
        lock(&self.running).iter().filter(|(of, _)| *of == driver).count()
    }
}

unsafe extern "efiapi" fn ps_create_system_thread(
    handle: *mut HANDLE,
    _access: ULONG,
    _attributes: *mut OBJECT_ATTRIBUTES,
    process: HANDLE,
    _client: PVOID,
    routine: PKSTART_ROUTINE,
    context: PVOID,
) -> NTSTATUS {
    enter("PsCreateSystemThread", PASSIVE_LEVEL);
    let Some(routine) = routine else { return STATUS_INVALID_PARAMETER };
    if !process.is_null() {
        kernel().judge.bug_check("PsCreateSystemThread in another process than the system's is not in the lab");
    }
    if kernel().faults.should_fail(FaultKind::Object) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let driver = owner(routine as *const () as usize);
    let object = processor::new_thread_object().expose_provenance();
    lock(&kernel().nt.system_threads.running).push((driver, object));
    let given = kernel().nt.handles.add(Object::Thread(object));
    // SAFETY: the DDI demands storage for the handle.
    unsafe { handle.write(given) };
    let (routine, context) = (routine as *const () as usize, context.expose_provenance());
    kernel().sched.start_thread("system thread", Box::new(move || run(driver, object, routine, context)));
    STATUS_SUCCESS
}

fn run(driver: DriverId, object: usize, routine: usize, context: usize) {
    let header: *mut DISPATCHER_HEADER = std::ptr::with_exposed_provenance_mut(object);
    processor::adopt_thread_object(header);
    thread::call_driver(driver, "SystemThread", PASSIVE_LEVEL, || {
        let way_out = WAY_OUT.with(std::ptr::from_ref).cast_mut();
        // SAFETY: the driver's own routine and context; the cell lives as long as the thread.
        unsafe { call_with_way_out(routine, context, way_out) };
    });
    WAY_OUT.set(0);
    lock(&kernel().nt.system_threads.running).retain(|(_, other)| *other != object);
    // SAFETY: thread objects are never freed.
    unsafe { wait::signal_state(header) }.store(1, Ordering::SeqCst);
    kernel().sched.changed();
}

/// Calls `routine(context)` after it stored where [`leave`] goes.
#[unsafe(naked)]
unsafe extern "win64" fn call_with_way_out(routine: usize, context: usize, way_out: *mut Cell<usize>) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push rsi",
        "push rdi",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 168",
        "movaps [rsp], xmm6",
        "movaps [rsp + 16], xmm7",
        "movaps [rsp + 32], xmm8",
        "movaps [rsp + 48], xmm9",
        "movaps [rsp + 64], xmm10",
        "movaps [rsp + 80], xmm11",
        "movaps [rsp + 96], xmm12",
        "movaps [rsp + 112], xmm13",
        "movaps [rsp + 128], xmm14",
        "movaps [rsp + 144], xmm15",
        "mov [r8], rsp",
        "mov rax, rcx",
        "mov rcx, rdx",
        "sub rsp, 32",
        "call rax",
        "add rsp, 32",
        "mov rcx, rsp",
        "jmp {leave}",
        leave = sym leave,
    )
}

/// Goes back to where [`call_with_way_out`] was called; the frames between are given up.
#[unsafe(naked)]
unsafe extern "win64" fn leave(way_out: usize) -> ! {
    naked_asm!(
        "mov rsp, rcx",
        "movaps xmm6, [rsp]",
        "movaps xmm7, [rsp + 16]",
        "movaps xmm8, [rsp + 32]",
        "movaps xmm9, [rsp + 48]",
        "movaps xmm10, [rsp + 64]",
        "movaps xmm11, [rsp + 80]",
        "movaps xmm12, [rsp + 96]",
        "movaps xmm13, [rsp + 112]",
        "movaps xmm14, [rsp + 128]",
        "movaps xmm15, [rsp + 144]",
        "add rsp, 168",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rdi",
        "pop rsi",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

unsafe extern "win64" fn ps_terminate_system_thread(_status: NTSTATUS) -> NTSTATUS {
    enter("PsTerminateSystemThread", PASSIVE_LEVEL);
    let way_out = WAY_OUT.get();
    if way_out == 0 {
        // STATUS_INVALID_PARAMETER, as the page says for a thread that is not a system thread.
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: `call_with_way_out` runs on this thread; between are the driver's frames and this one, which own nothing.
    unsafe { leave(way_out) }
}

unsafe extern "win64" fn ke_get_current_thread() -> PVOID {
    enter("KeGetCurrentThread", HIGH_LEVEL);
    processor::thread_object().cast()
}

/// An ID for a thread's object: its address without what is alike in all.
fn id_of(object: PVOID) -> HANDLE {
    std::ptr::without_provenance_mut(object.addr() >> 4 << 2 & 0xffff_fffc)
}

unsafe extern "win64" fn ps_get_current_thread_id() -> HANDLE {
    enter("PsGetCurrentThreadId", HIGH_LEVEL);
    id_of(processor::thread_object().cast())
}

unsafe extern "win64" fn ps_get_thread_id(thread: PVOID) -> HANDLE {
    enter("PsGetThreadId", HIGH_LEVEL);
    id_of(thread)
}

unsafe extern "win64" fn ps_is_system_thread(_thread: PVOID) -> u8 {
    enter("PsIsSystemThread", DISPATCH_LEVEL);
    u8::from(WAY_OUT.get() != 0)
}

unsafe extern "win64" fn io_thread_to_process(_thread: PVOID) -> PVOID {
    enter("IoThreadToProcess", HIGH_LEVEL);
    crate::io::wdm::process_object(crate::io::current_process())
}

unsafe extern "win64" fn ke_set_priority_thread(_thread: PVOID, _priority: KPRIORITY) -> KPRIORITY {
    enter("KeSetPriorityThread", DISPATCH_LEVEL);
    PRIORITY
}

unsafe extern "win64" fn ke_query_priority_thread(_thread: PVOID) -> KPRIORITY {
    enter("KeQueryPriorityThread", DISPATCH_LEVEL);
    PRIORITY
}
