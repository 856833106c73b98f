//! Framework objects: handles, contexts, parents and children, references, deletion.
//!
//! A handle is an address in the upper half of the address space, never mapped and never used again, that carries the
//! object's kind: a dereference faults, and a stale handle is known for what it was. Deletion follows
//! fxobjectstatemachine.cpp: the tree is disposed first (children before their parent, EvtCleanupCallback), then
//! destroyed (children before their parent), and each object's EvtDestroyCallback runs when its last reference goes.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

use super::{
    attributes::{Attributes, ObjectEvent},
    collection::Collection,
    device::Device,
    device_init::DeviceInit,
    driver::Driver,
    file::FileObject,
    io_target::IoTarget,
    lock::{SpinLock, WaitLock},
    lookaside::Lookaside,
    memory::Memory,
    queue::Queue,
    registry_key::Key,
    request::Request,
    request_send::Sending,
    string::Text,
    timer::Timer,
    work::{Dpc, WorkItem},
};
use crate::{
    history::{Event, History},
    io::lent::Lent,
    judge::rule,
    kernel::{DriverId, kernel},
    memory::Kind as SpanKind,
};

/// A WDFOBJECT.
pub(crate) type Handle = usize;

/// No object.
pub(crate) const NULL: Handle = 0;

/// Where handles begin: kernel space, where no user-mode mapping can be.
const BASE: usize = 0xFFFF_E000_0000_0000;
/// Lines of history kept of an object.
const HISTORY: usize = 24;
/// Objects whose history is kept after their end.
const REMEMBERED: usize = 4096;

macro_rules! kinds {
    ($($kind:ident = $number:literal, $name:literal;)*) => {
        /// What a handle names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Kind { $($kind = $number),* }

        impl Kind {
            /// The handle's C type.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            fn from_number(number: usize) -> Option<Self> {
                match number { $($number => Some(Self::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    Object = 1, "WDFOBJECT";
    Driver = 2, "WDFDRIVER";
    DeviceInit = 3, "PWDFDEVICE_INIT";
    Device = 4, "WDFDEVICE";
    Queue = 5, "WDFQUEUE";
    Request = 6, "WDFREQUEST";
    File = 7, "WDFFILEOBJECT";
    Memory = 8, "WDFMEMORY";
    SpinLock = 9, "WDFSPINLOCK";
    WaitLock = 10, "WDFWAITLOCK";
    Timer = 11, "WDFTIMER";
    Dpc = 12, "WDFDPC";
    WorkItem = 13, "WDFWORKITEM";
    Key = 14, "WDFKEY";
    Collection = 15, "WDFCOLLECTION";
    String = 16, "WDFSTRING";
    Lookaside = 17, "WDFLOOKASIDE";
    IoTarget = 18, "WDFIOTARGET";
}

/// What is particular to a kind.
pub(crate) enum Body {
    Object,
    Driver(Driver),
    DeviceInit(Box<DeviceInit>),
    Device(Box<Device>),
    Queue(Box<Queue>),
    Request(Box<Request>),
    File(FileObject),
    Memory(Memory),
    SpinLock(SpinLock),
    WaitLock(WaitLock),
    Timer(Timer),
    Dpc(Dpc),
    WorkItem(WorkItem),
    Key(Key),
    Collection(Collection),
    String(Text),
    Lookaside(Box<Lookaside>),
    IoTarget(Box<IoTarget>),
    /// A WDFREQUEST that the driver made.
    OwnRequest,
}

/// A context of an object, with its callbacks.
pub(crate) struct Context {
    /// Address of the type information; 0 where there are callbacks alone.
    pub info: usize,
    pub memory: Option<Lent>,
    pub cleanup: Option<ObjectEvent>,
    pub destroy: Option<ObjectEvent>,
}

/// How far an object's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Live,
    Disposing,
    Disposed,
    /// The framework's reference is gone; the driver may hold others.
    Destroyed,
}

/// An object.
pub(crate) struct Object {
    pub kind: Kind,
    pub driver: DriverId,
    pub parent: Handle,
    pub children: Vec<Handle>,
    /// One of the framework's own, and what WdfObjectReference added.
    pub references: usize,
    pub stage: Stage,
    pub delete_called: bool,
    /// IRQL before WdfObjectAcquireLock.
    pub irql_before_lock: u8,
    /// Of a request: what is kept of its being sent.
    pub sending: Option<Box<Sending>>,
    pub contexts: Vec<Context>,
    pub body: Body,
    history: History,
}

impl Object {
    /// Adds an event to its history: what happens now.
    pub(crate) fn note(&mut self, what: impl Into<Cow<'static, str>>) {
        self.history.add(Event::here(what), HISTORY);
    }

    /// Its last events.
    pub(crate) fn history(&self) -> Vec<String> {
        self.history.lines()
    }
}

/// All objects of all drivers.
#[derive(Default)]
pub(crate) struct State {
    issued: usize,
    objects: HashMap<Handle, Object>,
    /// Start of a context, as the driver knows it, to the object.
    contexts: HashMap<usize, Handle>,
    dead: VecDeque<Dead>,
}

/// An object that is no more.
struct Dead {
    handle: Handle,
    parent: Handle,
    history: History,
}

macro_rules! accessors {
    ($($function:ident: $kind:ident => $type:ty;)*) => {
        $(
            /// The body of an object of this kind. Anything else ends the run: a driver that passes a wrong handle
            /// meets WDF_VIOLATION on Windows.
            pub(crate) fn $function(&mut self, ddi: &str, handle: Handle) -> &mut $type {
                match &mut self.object(ddi, handle, Kind::$kind).body {
                    Body::$kind(body) => body,
                    _ => unreachable!("the kind of an object is that of its body"),
                }
            }
        )*
    };
}

impl State {
    accessors! {
        driver: Driver => Driver;
        device_init: DeviceInit => DeviceInit;
        device: Device => Device;
        queue: Queue => Queue;
        file: File => FileObject;
        memory: Memory => Memory;
        spin_lock: SpinLock => SpinLock;
        wait_lock: WaitLock => WaitLock;
        timer: Timer => Timer;
        dpc: Dpc => Dpc;
        work_item: WorkItem => WorkItem;
        key: Key => Key;
        collection: Collection => Collection;
        string: String => Text;
        lookaside: Lookaside => Lookaside;
        io_target: IoTarget => IoTarget;
    }

    /// The body of a request that a queue gives or gave. One that the driver made is none that it completes, marks or
    /// forwards.
    pub(crate) fn request(&mut self, ddi: &str, handle: Handle) -> &mut Request {
        if matches!(self.object(ddi, handle, Kind::Request).body, Body::OwnRequest) {
            self.misuse(ddi, handle, "a request that a queue gave");
        }
        match &mut self.object(ddi, handle, Kind::Request).body {
            Body::Request(body) => body,
            _ => unreachable!("the kind of an object is that of its body"),
        }
    }

    /// Makes an object with its first context. The caller asked the fault plan.
    pub(crate) fn add(
        &mut self,
        kind: Kind,
        driver: DriverId,
        parent: Handle,
        attributes: &Attributes,
        body: Body,
    ) -> Handle {
        self.issued += 1;
        let handle = BASE | (kind as usize) << 40 | self.issued << 4;
        let mut object = Object {
            kind,
            driver,
            parent,
            children: Vec::new(),
            references: 1,
            stage: Stage::Live,
            delete_called: false,
            irql_before_lock: 0,
            sending: None,
            contexts: Vec::new(),
            body,
            history: History::default(),
        };
        object.note("created");
        self.objects.insert(handle, object);
        if let Some(parent) = self.objects.get_mut(&parent) {
            parent.children.push(handle);
        }
        if attributes.context.is_some() || attributes.cleanup.is_some() || attributes.destroy.is_some() {
            self.add_context(handle, attributes);
        }
        handle
    }

    /// Adds a context: its memory as the driver knows it, null where the type has no bytes.
    pub(crate) fn add_context(&mut self, handle: Handle, attributes: &Attributes) -> *mut u8 {
        let memory = attributes.context.as_ref().map(|context| {
            let memory = Lent::open(SpanKind::Object, context.size, 16);
            memory.note(Event::here(format!("made as context {} of {handle:#x}", context.name)));
            memory
        });
        let address = memory.as_ref().map_or(std::ptr::null_mut(), Lent::driver);
        if !address.is_null() {
            self.contexts.insert(address.addr(), handle);
        }
        if let Some(object) = self.objects.get_mut(&handle) {
            object.contexts.push(Context {
                info: attributes.context.as_ref().map_or(0, |c| c.info),
                memory,
                cleanup: attributes.cleanup,
                destroy: attributes.destroy,
            });
        }
        address
    }

    /// The object whose context begins at an address.
    pub(crate) fn owner_of_context(&self, address: usize) -> Option<Handle> {
        self.contexts.get(&address).copied()
    }

    /// The object of a handle, if there is one.
    pub(crate) fn get(&self, handle: Handle) -> Option<&Object> {
        self.objects.get(&handle)
    }

    /// The object of a handle, if there is one.
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Object> {
        self.objects.get_mut(&handle)
    }

    /// The object of a handle of any kind; anything else ends the run.
    pub(crate) fn any(&mut self, ddi: &str, handle: Handle) -> &mut Object {
        if !self.objects.contains_key(&handle) {
            self.misuse(ddi, handle, "an object");
        }
        self.objects.get_mut(&handle).expect("looked up just now")
    }

    /// The object of a handle of one kind; anything else ends the run.
    pub(crate) fn object(&mut self, ddi: &str, handle: Handle, kind: Kind) -> &mut Object {
        if self.objects.get(&handle).is_none_or(|o| o.kind != kind) {
            self.misuse(ddi, handle, kind.name());
        }
        if kind == Kind::Request {
            kernel().judge.evaluated(rule::V43);
        }
        self.objects.get_mut(&handle).expect("looked up just now")
    }

    /// All handles of a kind that belong to a driver.
    pub(crate) fn of_kind(&self, driver: DriverId, kind: Kind) -> Vec<Handle> {
        let of_driver = self.objects.iter().filter(|(_, o)| o.kind == kind && o.driver == driver);
        let mut handles: Vec<_> = of_driver.map(|(handle, _)| *handle).collect();
        handles.sort_unstable();
        handles
    }

    /// All objects that belong to a driver, described.
    pub(crate) fn of_driver(&self, driver: DriverId) -> Vec<String> {
        let mut of_driver: Vec<_> = self.objects.iter().filter(|(_, o)| o.driver == driver).collect();
        of_driver.sort_unstable_by_key(|(handle, _)| **handle);
        of_driver.iter().map(|(handle, o)| format!("{} {handle:#x}", o.kind.name())).collect()
    }

    /// Objects that live.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.objects.len()
    }

    /// All objects of a kind.
    pub(crate) fn all_of_kind(&self, kind: Kind) -> Vec<(Handle, &Object)> {
        self.objects.iter().filter(|(_, o)| o.kind == kind).map(|(handle, o)| (*handle, o)).collect()
    }

    /// The nearest device among the object and its ancestors (FxDeviceBase::_SearchForDevice).
    pub(crate) fn device_above(&self, handle: Handle) -> Option<Handle> {
        let mut at = handle;
        loop {
            let object = self.objects.get(&at)?;
            if object.kind == Kind::Device {
                return Some(at);
            }
            at = object.parent;
        }
    }

    /// Takes an object out for good.
    pub(crate) fn remove(&mut self, handle: Handle) -> Option<Object> {
        let object = self.objects.remove(&handle)?;
        if let Some(parent) = self.objects.get_mut(&object.parent) {
            parent.children.retain(|child| *child != handle);
        }
        for context in &object.contexts {
            if let Some(memory) = &context.memory {
                self.contexts.remove(&memory.driver().addr());
                memory.close("its framework object was destroyed");
            }
        }
        if self.dead.len() == REMEMBERED {
            self.dead.pop_front();
        }
        self.dead.push_back(Dead { handle, parent: object.parent, history: object.history.clone() });
        Some(object)
    }

    /// Forgets the histories of objects that are gone.
    pub(crate) fn forget_dead(&mut self) {
        self.dead = VecDeque::new();
    }

    /// A handle was passed that does not name what it should. Ends the run.
    pub(crate) fn misuse(&self, ddi: &str, handle: Handle, wanted: &str) -> ! {
        let judge = &kernel().judge;
        if let Some(object) = self.objects.get(&handle) {
            judge.fatal(
                rule::V07,
                format!("{ddi} wants {wanted} and got {} {handle:#x}", object.kind.name()),
                object.history(),
            );
        }
        let dead = self.dead.iter().rev().find(|dead| dead.handle == handle);
        let history = || dead.map(|dead| dead.history.lines()).unwrap_or_default();
        match self.kind_of_dead(handle) {
            // A request's memory object ends with it.
            Some(Kind::Memory) if dead.and_then(|dead| kind_of(dead.parent)) == Some(Kind::Request) => judge.fatal(
                rule::V43,
                format!("{ddi} was given WDFMEMORY {handle:#x} of a request, which was completed"),
                history(),
            ),
            Some(Kind::Request) => judge.fatal(
                rule::V43,
                format!("{ddi} was given WDFREQUEST {handle:#x}, which was completed"),
                history(),
            ),
            Some(kind) => judge.fatal(
                rule::V36,
                format!("{ddi} was given {} {handle:#x}, which was deleted", kind.name()),
                history(),
            ),
            None => judge.fatal(
                rule::V07,
                format!("{ddi} wants {wanted} and got {handle:#x}, which is no handle"),
                Vec::new(),
            ),
        }
    }

    /// What a handle was that names nothing any more.
    fn kind_of_dead(&self, handle: Handle) -> Option<Kind> {
        let number = (handle & 0xFF_FFFF_FFFF) >> 4;
        kind_of(handle).filter(|_| handle.is_multiple_of(16) && (1..=self.issued).contains(&number))
    }
}

/// The kind that an address in the room of the handles stands for.
fn kind_of(address: usize) -> Option<Kind> {
    (address >> 45 == BASE >> 45).then(|| Kind::from_number((address >> 40) & 0x1F)).flatten()
}

/// What an address is called that a driver took for memory and is in the room of the handles.
pub(crate) fn describe_handle(address: usize) -> Option<String> {
    kind_of(address).map(|kind| format!("{address:#x}, a {}, which is a handle and no address", kind.name()))
}

/// Kind and history of the object that a handle is or was, for a report: nothing where the framework is at work.
pub(crate) fn history_of(handle: usize) -> Option<(&'static str, Vec<String>)> {
    let kind = kind_of(handle)?;
    let state = kernel().wdf.state.try_lock().ok()?;
    let dead = || state.dead.iter().rev().find(|dead| dead.handle == handle).map(|dead| dead.history.lines());
    let history = state.objects.get(&handle).map(Object::history).or_else(dead)?;
    Some((kind.name(), history))
}
