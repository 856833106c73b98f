//! What drivers have of NDIS besides packets: pools, timers, locks, work items, cloned requests. Nothing of it may be
//! left when a driver is unloaded (V06).

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::NDIS_HANDLE;

use crate::{
    history::Event,
    judge::rule,
    kernel::{DriverId, kernel},
    sync::lock,
    thread,
};

/// The objects by handle.
#[derive(Default)]
pub struct Objects {
    all: Mutex<HashMap<usize, Object>>,
}

#[derive(Clone)]
struct Object {
    driver: DriverId,
    what: &'static str,
    site: usize,
    value: Arc<dyn Any + Send + Sync>,
}

impl Objects {
    /// Gives the running driver an object: its handle.
    pub fn add<T: Any + Send + Sync>(&self, what: &'static str, value: Arc<T>) -> NDIS_HANDLE {
        let handle = kernel().ndis.new_handle();
        self.add_at(what, handle, value);
        std::ptr::without_provenance_mut(handle)
    }

    /// As [`Self::add`], with the object's own address for a handle.
    pub fn add_at<T: Any + Send + Sync>(&self, what: &'static str, handle: usize, value: Arc<T>) {
        let driver = thread::current_driver().unwrap_or(super::LAB);
        kernel().book.note(what, handle, Event::here("made"));
        let object = Object { driver, what, site: thread::call_site(), value };
        lock(&self.all).insert(handle, object);
    }

    /// The object that a driver means by a handle; V07 where there is none of its kind.
    pub fn get<T: Any + Send + Sync>(&self, function: &'static str, handle: NDIS_HANDLE) -> Option<Arc<T>> {
        let object = lock(&self.all).get(&handle.addr()).cloned();
        let what = object.as_ref().map(|object| object.what);
        let found = object.and_then(|object| object.value.downcast::<T>().ok());
        if let (Some(what), true) = (what, found.is_some()) {
            kernel().book.note(what, handle.addr(), Event::here(function));
        }
        if found.is_none() {
            unknown(function, handle);
        }
        found
    }

    /// Whether there is an object of this handle.
    pub fn has(&self, handle: usize) -> bool {
        lock(&self.all).contains_key(&handle)
    }

    /// Takes an object out; V07 where there is none of its kind.
    pub fn remove<T: Any + Send + Sync>(&self, function: &'static str, handle: NDIS_HANDLE) -> Option<Arc<T>> {
        let found = self.get::<T>(function, handle);
        if found.is_some() {
            lock(&self.all).remove(&handle.addr());
        }
        found
    }

    /// Forgets all, and gives the tables' memory back.
    pub(super) fn retire(&self) {
        drop(std::mem::take(&mut *lock(&self.all)));
    }

    /// What a driver has left.
    pub fn of(&self, driver: DriverId) -> Vec<String> {
        let mut left: Vec<String> = lock(&self.all)
            .iter()
            .filter(|(_, object)| object.driver == driver)
            .map(|(handle, object)| {
                let site = kernel().describe_address(object.site);
                format!("{} {handle:#x}, made at {site}", object.what)
            })
            .collect();
        left.sort();
        left
    }
}

fn unknown(function: &'static str, handle: NDIS_HANDLE) {
    kernel()
        .judge
        .broken(rule::V07, format!("{function} with {handle:p}, which is no such object (freed, or never made)"));
}
