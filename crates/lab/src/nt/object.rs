//! Handles and references to objects (`Ob*`, `ZwClose`). PASSIVE_LEVEL; references up to DISPATCH_LEVEL.
//!
//! What a driver opened or referenced and has not given back when it is unloaded breaks V35.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    ACCESS_MASK, HANDLE, KPROCESSOR_MODE, LONG_PTR, NTSTATUS, PVOID, STATUS_INVALID_HANDLE,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
};

use super::{enter, file::OpenFile};
use crate::{
    exports,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ObDereferenceObjectDeferDelete" => obf_dereference_object,
    ObReferenceObjectByHandle => ob_reference_object_by_handle,
    "ObReferenceObjectByPointer" => ob_reference_object_by_pointer,
    "ObfDereferenceObject" => obf_dereference_object,
    "ObfReferenceObject" => obf_reference_object,
    ZwClose => zw_close,
    "ObCloseHandle" => ob_close_handle,
    "NtClose" => nt_close,
};

/// The type objects that the kernel exports as data: `*PsThreadType` and its kin.
pub const DATA_EXPORTS: &[Export] = &[
    Export::direct("ExEventObjectType", (&raw const EVENT_TYPE.0).cast()),
    Export::direct("IoFileObjectType", (&raw const FILE_TYPE.0).cast()),
    Export::direct("PsProcessType", (&raw const PROCESS_TYPE.0).cast()),
    Export::direct("PsThreadType", (&raw const THREAD_TYPE.0).cast()),
];

/// A variable that holds the address of a type object, which nobody looks into.
struct TypeVariable(usize);

static EVENT_TYPE: TypeVariable = TypeVariable(0x0bad_0002_0000_0010);
static FILE_TYPE: TypeVariable = TypeVariable(0x0bad_0002_0000_0020);
static PROCESS_TYPE: TypeVariable = TypeVariable(0x0bad_0002_0000_0030);
static THREAD_TYPE: TypeVariable = TypeVariable(0x0bad_0002_0000_0040);

/// What the objects of open files begin with: no address, so that looking into one faults.
const FILE_OBJECT: usize = 0x0bad_0005_0000_0000;

/// What a handle stands for.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// A registry key, by its path.
    Key(String),
    /// A thread, by the address of its object.
    Thread(usize),
    /// An event, by its address.
    Event(usize),
    /// An open file.
    File(Arc<OpenFile>),
}

impl Object {
    /// The object's address and that of its type; a key has none.
    fn address(&self) -> Option<(usize, usize)> {
        match self {
            // Nobody may look into a file's object: its address is none of memory's.
            Self::File(file) => Some((FILE_OBJECT | Arc::as_ptr(file).addr() & 0xffff_ffff, FILE_TYPE.0)),
            Self::Key(_) => None,
            Self::Thread(at) => Some((*at, THREAD_TYPE.0)),
            Self::Event(at) => Some((*at, EVENT_TYPE.0)),
        }
    }
}

#[derive(Clone)]
struct Open {
    driver: Option<DriverId>,
    object: Object,
    site: usize,
}

/// Handles and references.
#[derive(Default)]
pub struct Handles {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: usize,
    open: BTreeMap<usize, Open>,
    /// By object: how often it was referenced, and by whom first.
    references: BTreeMap<usize, (usize, Option<DriverId>)>,
}

impl Handles {
    /// A handle for an object. Handles of the system end in two zero bits and have the top bit set.
    pub(super) fn add(&self, object: Object) -> HANDLE {
        let mut state = lock(&self.state);
        state.last += 4;
        let handle = 0x8000_0000_usize.wrapping_neg() | state.last;
        let open = Open { driver: thread::current_driver(), object, site: thread::call_site() };
        state.open.insert(handle, open);
        std::ptr::without_provenance_mut(handle)
    }

    /// A handle of the system's own for a registry key: for whoever opens it on the driver's behalf, and closes it.
    pub(crate) fn add_key(&self, path: String) -> HANDLE {
        let handle = self.add(Object::Key(path));
        if let Some(open) = lock(&self.state).open.get_mut(&handle.addr()) {
            open.driver = None;
        }
        handle
    }

    /// Closes what [`Self::add_key`] gave.
    pub(crate) fn close_key(&self, handle: HANDLE) {
        lock(&self.state).open.remove(&handle.addr());
    }

    /// What a handle stands for.
    pub(super) fn get(&self, handle: HANDLE) -> Option<Object> {
        lock(&self.state).open.get(&handle.addr()).map(|open| open.object.clone())
    }

    pub(super) fn reference(&self, object: usize) -> usize {
        let mut state = lock(&self.state);
        let entry = state.references.entry(object).or_insert((0, thread::current_driver()));
        entry.0 += 1;
        entry.0
    }

    /// One reference less: how many are left, or none where there was none.
    fn dereference(&self, object: usize) -> Option<usize> {
        let mut state = lock(&self.state);
        let entry = state.references.get_mut(&object)?;
        entry.0 -= 1;
        let left = entry.0;
        if left == 0 {
            state.references.remove(&object);
        }
        Some(left)
    }

    /// What a driver has open or referenced.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let state = lock(&self.state);
        let handles = state.open.iter().filter(|(_, open)| open.driver == Some(driver));
        let handles = handles.map(|(handle, open)| {
            format!("handle {handle:#x} of {:?}, opened at {}", open.object, kernel().describe_address(open.site))
        });
        let references = state.references.iter().filter(|(_, (_, by))| *by == Some(driver));
        handles.chain(references.map(|(at, (count, _))| format!("{count} references to object {at:#x}"))).collect()
    }
}

unsafe extern "efiapi" fn zw_close(handle: HANDLE) -> NTSTATUS {
    close("ZwClose", handle)
}

unsafe extern "win64" fn nt_close(handle: HANDLE) -> NTSTATUS {
    close("NtClose", handle)
}

unsafe extern "win64" fn ob_close_handle(handle: HANDLE, _mode: KPROCESSOR_MODE) -> NTSTATUS {
    close("ObCloseHandle", handle)
}

fn close(function: &'static str, handle: HANDLE) -> NTSTATUS {
    enter(function, PASSIVE_LEVEL);
    let closed = lock(&kernel().nt.handles.state).open.remove(&handle.addr());
    // Closing what is no handle of the system's is a bug check there (INVALID_KERNEL_HANDLE).
    kernel().judge.check(rule::V36, closed.is_some(), || format!("{function} of {handle:p}, which is no open handle"));
    if closed.is_some() { STATUS_SUCCESS } else { STATUS_INVALID_HANDLE }
}

unsafe extern "efiapi" fn ob_reference_object_by_handle(
    handle: HANDLE,
    _access: ACCESS_MASK,
    kind: PVOID,
    _mode: KPROCESSOR_MODE,
    object: *mut PVOID,
    _information: PVOID,
) -> NTSTATUS {
    enter("ObReferenceObjectByHandle", PASSIVE_LEVEL);
    let Some(found) = kernel().nt.handles.get(handle).as_ref().and_then(Object::address) else {
        return STATUS_INVALID_HANDLE;
    };
    let (address, own_kind) = found;
    if !kind.is_null() && kind.addr() != own_kind {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    kernel().nt.handles.reference(address);
    // SAFETY: the DDI demands storage for the pointer.
    unsafe { object.write(std::ptr::with_exposed_provenance_mut(address)) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn ob_reference_object_by_pointer(
    object: PVOID,
    _access: ACCESS_MASK,
    _kind: PVOID,
    _mode: KPROCESSOR_MODE,
) -> NTSTATUS {
    enter("ObReferenceObjectByPointer", DISPATCH_LEVEL);
    kernel().nt.handles.reference(object.addr());
    STATUS_SUCCESS
}

unsafe extern "win64" fn obf_reference_object(object: PVOID) -> LONG_PTR {
    enter("ObfReferenceObject", DISPATCH_LEVEL);
    kernel().nt.handles.reference(object.addr()).cast_signed() as LONG_PTR
}

unsafe extern "win64" fn obf_dereference_object(object: PVOID) -> LONG_PTR {
    enter("ObfDereferenceObject", DISPATCH_LEVEL);
    let left = kernel().nt.handles.dereference(object.addr());
    kernel().judge.check(rule::V36, left.is_some(), || {
        format!("ObfDereferenceObject of {object:p}, to which the driver has no reference")
    });
    if left == Some(0) {
        kernel().io.dereference_file(object.addr());
    }
    left.unwrap_or(0).cast_signed() as LONG_PTR
}
