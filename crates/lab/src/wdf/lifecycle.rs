//! The end of objects: disposal, destruction, references (fxobjectstatemachine.cpp).

use super::{
    device, event, io_target,
    object::{Body, Handle, Kind, Stage},
    queue_state, state, timer, work,
};
use crate::{
    judge::rule,
    kernel::kernel,
    thread::{self, PASSIVE_LEVEL},
};

/// Deletes an object and its children. Where its disposal has to wait for something and the IRQL is too high, a work
/// item does it. Calls the driver.
pub(crate) fn delete(handle: Handle) {
    let (kind, waits) = {
        let state = state();
        let Some(object) = state.get(handle) else { return };
        (object.kind, disposal_waits(&state, handle))
    };
    if kind == Kind::Device && !device::prepare_delete(handle) {
        return;
    }
    if waits && thread::irql() > PASSIVE_LEVEL {
        kernel().sched.queue_work(Box::new(move || delete_now(handle)));
    } else {
        delete_now(handle);
    }
}

fn delete_now(handle: Handle) {
    dispose(handle);
    destroy(handle);
}

/// Whether the disposal of an object or of what is below it waits.
fn disposal_waits(state: &super::object::State, handle: Handle) -> bool {
    state.get(handle).is_some_and(|object| {
        matches!(
            object.kind,
            Kind::Driver | Kind::Device | Kind::Queue | Kind::Timer | Kind::Dpc | Kind::WorkItem | Kind::IoTarget
        ) || object.children.iter().any(|child| disposal_waits(state, *child))
    })
}

/// Disposes of an object: its children first, then what it does by itself, then EvtCleanupCallback. Once.
pub(crate) fn dispose(handle: Handle) {
    // A device that goes with its driver loses its names here; one that is deleted by itself has lost them before.
    if state().get(handle).is_some_and(|object| object.kind == Kind::Device && object.stage == Stage::Live) {
        device::prepare_delete(handle);
    }
    let children = {
        let mut state = state();
        let Some(object) = state.get_mut(handle) else { return };
        if object.stage != Stage::Live {
            return;
        }
        object.stage = Stage::Disposing;
        object.note("disposing");
        object.children.clone()
    };
    for child in children {
        dispose(child);
    }
    dispose_body(handle);
    call_contexts(handle, "EvtCleanupCallback");
    if let Some(object) = state().get_mut(handle) {
        object.stage = Stage::Disposed;
    }
}

/// What an object does to come to rest.
fn dispose_body(handle: Handle) {
    let kind = state().get(handle).map(|object| object.kind);
    match kind {
        Some(Kind::Queue) => queue_state::dispose(handle),
        Some(Kind::Timer) => timer::dispose(handle),
        Some(Kind::IoTarget) => io_target::dispose(handle),
        Some(Kind::Dpc | Kind::WorkItem) => work::dispose(handle),
        _ => {}
    }
}

/// Calls the EvtCleanupCallback or EvtDestroyCallback of each context.
fn call_contexts(handle: Handle, what: &'static str) {
    let (driver, callbacks) = {
        let mut state = state();
        let Some(object) = state.get_mut(handle) else { return };
        let contexts = object.contexts.iter_mut();
        let callbacks: Vec<_> = if what == "EvtCleanupCallback" {
            contexts.filter_map(|c| c.cleanup.take()).collect()
        } else {
            contexts.filter_map(|c| c.destroy.take()).collect()
        };
        (object.driver, callbacks)
    };
    for callback in callbacks {
        event(driver, what, || {
            // SAFETY: the driver registered the callback for this handle, which is live.
            unsafe { callback(super::as_pointer(handle)) };
        });
    }
}

/// Destroys a disposed object: its children first, then the framework's reference goes.
pub(crate) fn destroy(handle: Handle) {
    {
        let mut state = state();
        let Some(object) = state.get_mut(handle) else { return };
        // A child that was deleted by itself, and lives on by a reference, is its parent's still.
        if std::mem::replace(&mut object.stage, Stage::Destroyed) == Stage::Destroyed {
            return;
        }
    }
    destroy_children(handle);
    release(handle);
}

/// Destroys the children of a disposed object.
pub(crate) fn destroy_children(handle: Handle) {
    let children = state().get(handle).map(|object| object.children.clone()).unwrap_or_default();
    for child in children {
        destroy(child);
    }
}

/// A reference less; with the last one the object ends.
pub(crate) fn release(handle: Handle) {
    let last = {
        let mut state = state();
        let Some(object) = state.get_mut(handle) else { return };
        object.references -= 1;
        object.references == 0
    };
    if last {
        call_contexts(handle, "EvtDestroyCallback");
        // What the body owns (memory, a device) is dropped with the state unlocked.
        let object = state().remove(handle);
        if let Some(object) = object {
            kernel().judge.check(rule::V39, !is_held(&object.body), || {
                format!("a wait lock {handle:#x} was deleted while it was held")
            });
            match object.body {
                Body::Collection(collection) => collection.items.into_iter().for_each(release),
                Body::Key(key) => key.close(),
                Body::Memory(memory) => memory.ends(handle),
                _ => {}
            }
        }
    }
}

fn is_held(body: &Body) -> bool {
    matches!(body, Body::WaitLock(lock) if lock.is_held())
}
