//! File objects: what stands between handles and IRPs.
//!
//! A file has handles and IRPs under way. When the last handle goes, the driver gets IRP_MJ_CLEANUP; when after that the
//! last IRP is gone too, IRP_MJ_CLOSE (IopCloseFile, IopDeleteFile; "Handling IRP_MJ_CLEANUP Requests" in the WDK docs).

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use nblease_ndis::sys;

use super::{Device, Irp, Major, irp::Call, lent::Lent};
use crate::{
    history::Event,
    judge::rule,
    kernel::kernel,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// `IO_TYPE_FILE`.
const IO_TYPE_FILE: i16 = 5;
/// How long the driver may keep the IRPs of a file without handles.
const CLEANUP_LIMIT_NS: u64 = 10_000_000_000;

/// An open of a device.
pub struct File {
    number: u64,
    device: Arc<Device>,
    opener: String,
    opener_number: u64,
    /// The FILE_OBJECT that the driver may look at.
    object: Lent,
    state: Mutex<State>,
    /// What the driver's model keeps for it.
    context: AtomicU64,
}

#[derive(Default)]
struct State {
    handles: usize,
    /// Pointers to the object that drivers got with it.
    pointers: usize,
    irps: Vec<Arc<Irp>>,
    stage: Stage,
}

/// How far the end of a file has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    CleaningUp,
    CleanedUp,
    Closed,
}

impl File {
    pub(super) fn new(device: &Arc<Device>, opener: &str, opener_number: u64) -> Arc<Self> {
        // SAFETY: a FILE_OBJECT is plain data for which all zeros is a value.
        let mut object: sys::FILE_OBJECT = unsafe { mem::zeroed() };
        object.Type = IO_TYPE_FILE;
        object.Size = (size_of::<sys::FILE_OBJECT>() as u16).cast_signed();
        object.DeviceObject = device.object();
        object.ReadAccess = 1;
        object.WriteAccess = 1;
        let object = Lent::of(object);
        object.note(Event::of_lab(format!("opened by {opener}")));
        Arc::new(Self {
            number: kernel().io.number(),
            device: device.clone(),
            opener: opener.to_owned(),
            opener_number,
            object,
            state: Mutex::new(State { handles: 1, ..State::default() }),
            context: AtomicU64::new(0),
        })
    }

    /// The device it was opened on.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Number of the process that opened it.
    pub fn opener(&self) -> u64 {
        self.opener_number
    }

    /// The FILE_OBJECT, where the driver finds it.
    pub fn object(&self) -> *mut sys::FILE_OBJECT {
        self.object.driver().cast()
    }

    /// What the driver's model stored with [`Self::set_context`], else 0.
    pub(crate) fn context(&self) -> usize {
        self.context.load(Ordering::SeqCst) as usize
    }

    /// Keeps a word for the driver's model.
    pub(crate) fn set_context(&self, context: usize) {
        self.context.store(context as u64, Ordering::SeqCst);
    }

    /// Who opened it and what is under way on it.
    pub(crate) fn describe(&self) -> String {
        let state = lock(&self.state);
        let irps: Vec<_> = state.irps.iter().map(|irp| irp.describe()).collect();
        format!(
            "file {} at {:p} of {}, {:?}, {} handles, under way: {irps:?}",
            self.number,
            self.object(),
            self.opener,
            state.stage,
            state.handles
        )
    }

    /// A handle more.
    pub(super) fn reference(&self) {
        lock(&self.state).handles += 1;
    }

    /// A driver gets a pointer to the object: it is not closed before the driver gives that back.
    pub(super) fn point(&self) {
        lock(&self.state).pointers += 1;
    }

    /// The driver gave its pointer back.
    pub(super) fn give_back(self: &Arc<Self>) {
        lock(&self.state).pointers -= 1;
        self.close_if_done();
    }

    /// Whether drivers have pointers to the object.
    pub(super) fn is_pointed_to(&self) -> bool {
        lock(&self.state).pointers > 0
    }

    /// An IRP was made for the file.
    pub(super) fn add_irp(&self, irp: &Arc<Irp>) {
        lock(&self.state).irps.push(irp.clone());
    }

    /// The IRPs under way.
    pub(super) fn irps(&self) -> Vec<Arc<Irp>> {
        lock(&self.state).irps.clone()
    }

    /// The create IRP failed: nothing is left of the file, and the driver hears no more of it.
    pub(super) fn abandon(self: &Arc<Self>) {
        lock(&self.state).stage = Stage::Closed;
        self.gone();
    }

    /// A handle less. With the last one the driver gets IRP_MJ_CLEANUP, on this thread.
    pub(super) fn dereference(self: &Arc<Self>) {
        {
            self.object.note(Event::of_lab("a handle was closed"));
            let mut state = lock(&self.state);
            state.handles -= 1;
            if state.handles > 0 {
                return;
            }
            state.stage = Stage::CleaningUp;
        }
        self.run(Major::Cleanup);
        lock(&self.state).stage = Stage::CleanedUp;
        self.watch();
        self.close_if_done();
    }

    /// The driver has to complete what it took of this file (V47).
    fn watch(self: &Arc<Self>) {
        if lock(&self.state).irps.is_empty() {
            return;
        }
        let file = self.clone();
        let late = Box::new(move || {
            let left: Vec<_> = file.irps().iter().map(|irp| irp.describe()).collect();
            kernel().judge.check(rule::V47, left.is_empty(), || {
                format!("10 s after the cleanup of a file its requests are not completed: {left:?}")
            });
        });
        kernel().sched.set_timer(CLEANUP_LIMIT_NS, 0, late);
    }

    /// An IRP of the file is gone.
    pub(super) fn remove_irp(self: &Arc<Self>, irp: &Arc<Irp>) {
        let last = {
            let mut state = lock(&self.state);
            state.irps.retain(|i| !Arc::ptr_eq(i, irp));
            state.irps.is_empty() && state.stage == Stage::CleanedUp
        };
        if last {
            // The file object goes when its last reference does, in the context of a system thread.
            let file = self.clone();
            kernel().sched.queue_work(Box::new(move || file.close_if_done()));
        }
        kernel().sched.changed();
    }

    /// Sends IRP_MJ_CLOSE when neither a handle nor an IRP is left.
    fn close_if_done(self: &Arc<Self>) {
        {
            let mut state = lock(&self.state);
            if state.stage != Stage::CleanedUp || !state.irps.is_empty() || state.pointers > 0 {
                return;
            }
            state.stage = Stage::Closed;
        }
        kernel().judge.evaluated(rule::V47);
        self.run(Major::Close);
        self.gone();
    }

    /// Sends a cleanup or close and waits for its end, as NtClose and IopDeleteFile do.
    fn run(self: &Arc<Self>, major: Major) {
        let irp = Irp::new(self, self.opener_number, &Call::of(major));
        let irql = thread::set_irql(PASSIVE_LEVEL);
        self.device.target().dispatch(&irp);
        thread::set_irql(irql);
        kernel().sched.wait_until("a cleanup or close", None, &mut || irp.is_complete());
    }

    fn gone(self: &Arc<Self>) {
        self.object.note(Event::of_lab("closed"));
        self.object.close("its file was closed");
        self.device.forget(self);
        kernel().io.forget_deleted();
        kernel().io.file_closed(self.device.driver());
        kernel().sched.changed();
    }
}
