//! The kernel's functions that a light filter may import from `ntoskrnl.exe`, after the WDK's DDI pages.
//!
//! One file for each kind of object. Each function names the IRQL that its page allows; what it keeps about the
//! driver's objects lies in [`Objects`].

use crate::{
    history::Event,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    thread,
};

mod address;
mod attach;
mod bitmap;
mod callback;
pub(crate) mod cancel;
pub(crate) mod cng;
mod crt;
mod debug;
mod device;
mod dpc;
pub mod driver;
mod driver_extension;
mod error_log;
mod event;
pub(crate) mod exception;
mod expanded_stack;
mod file;
mod format;
mod generic_table;
mod hash_table;
pub(crate) mod irp;
mod irql;
mod list;
mod lookaside;
mod machine;
pub(crate) mod mdl;
mod memory_routines;
mod mutex;
mod node;
mod number;
mod object;
pub(crate) mod pool;
mod printf;
mod privilege;
pub mod probe;
mod registration;
mod registry;
mod reserved_mapping;
mod resource;
mod rtl;
mod rundown;
mod spinlock;
mod string;
mod system;
mod system_thread;
#[cfg(test)]
mod tests;
mod time;
mod time_fields;
mod timer;
mod trace;
pub(crate) mod version;
mod wait;
mod work_item;

/// IRQL of the functions that may be called at any.
const HIGH_LEVEL: u8 = 15;

/// What the lab keeps about objects of NT whose storage is the driver's.
#[derive(Default)]
pub struct Objects {
    dpcs: dpc::Dpcs,
    timers: timer::Timers,
    work_items: work_item::WorkItems,
    drivers: driver::Drivers,
    pub(crate) handles: object::Handles,
    resources: resource::Resources,
    lookasides: lookaside::Lookasides,
    providers: trace::Providers,
    system_threads: system_thread::SystemThreads,
    cancel_lock: cancel::CancelLock,
    callbacks: callback::Callbacks,
    generic_tables: generic_table::Tables,
    hash_tables: hash_table::Tables,
    driver_extensions: driver_extension::Extensions,
    events: event::Events,
    files: file::Files,
    irps: irp::Irps,
    registrations: registration::Registrations,
    mapping_ranges: reserved_mapping::Ranges,
}

/// The lists of functions, one for each file.
pub fn exports() -> Vec<&'static [Export]> {
    vec![
        address::EXPORTS,
        attach::EXPORTS,
        bitmap::EXPORTS,
        callback::EXPORTS,
        cancel::EXPORTS,
        crt::EXPORTS,
        debug::EXPORTS,
        device::EXPORTS,
        dpc::EXPORTS,
        driver_extension::EXPORTS,
        error_log::EXPORTS,
        event::EXPORTS,
        exception::EXPORTS,
        expanded_stack::EXPORTS,
        file::EXPORTS,
        generic_table::EXPORTS,
        hash_table::EXPORTS,
        irp::EXPORTS,
        irql::EXPORTS,
        list::EXPORTS,
        lookaside::EXPORTS,
        machine::EXPORTS,
        machine::DATA_EXPORTS,
        mdl::EXPORTS,
        memory_routines::EXPORTS,
        memory_routines::DIRECT_EXPORTS,
        mutex::EXPORTS,
        node::EXPORTS,
        number::EXPORTS,
        object::EXPORTS,
        object::DATA_EXPORTS,
        pool::EXPORTS,
        printf::EXPORTS,
        privilege::EXPORTS,
        probe::EXPORTS,
        probe::DATA_EXPORTS,
        registration::EXPORTS,
        registry::EXPORTS,
        reserved_mapping::EXPORTS,
        resource::EXPORTS,
        rtl::EXPORTS,
        rundown::EXPORTS,
        spinlock::EXPORTS,
        string::EXPORTS,
        system::EXPORTS,
        system_thread::EXPORTS,
        time::EXPORTS,
        time_fields::EXPORTS,
        timer::EXPORTS,
        trace::EXPORTS,
        wait::EXPORTS,
        work_item::EXPORTS,
    ]
}

/// When a driver's unload routine has returned: none of its code runs or is to run (V35). Its image goes now, while a
/// thread that it only told to end, or a timer, may still come to it.
fn check_idle(driver: DriverId) {
    let queued = kernel().sched.dpcs_of(driver);
    kernel().judge.check(rule::V35, queued == 0, || {
        format!("{} was unloaded with {queued} DPCs queued", kernel().driver_name(driver))
    });
    let running = kernel().nt.system_threads.of(driver);
    kernel().judge.check(rule::V35, running == 0, || {
        format!("{} was unloaded with {running} of its threads running", kernel().driver_name(driver))
    });
    let set = kernel().nt.timers.of(driver);
    kernel().judge.check(rule::V35, set.is_empty(), || {
        format!("{} was unloaded with timers set: {}", kernel().driver_name(driver), set.join("; "))
    });
}

/// After a driver went: it has given back what it opened (V35).
fn check_closed(driver: DriverId) {
    let nt = &kernel().nt;
    let open = [
        nt.handles.of(driver),
        nt.resources.of(driver),
        nt.lookasides.of(driver),
        nt.providers.of(driver),
        nt.callbacks.of(driver),
        nt.registrations.of(driver),
    ]
    .concat();
    kernel().judge.check(rule::V35, open.is_empty(), || {
        format!("{} was unloaded and left open: {}", kernel().driver_name(driver), open.join("; "))
    });
}

/// The start of each of these functions: its IRQL is checked.
fn enter(function: &'static str, max_irql: u8) {
    thread::enter(function, max_irql, rule::V09);
}

/// As [`enter`], for what is called for an object, in whose history it is.
fn enter_for(function: &'static str, max_irql: u8, kind: &'static str, object: usize) {
    enter(function, max_irql);
    kernel().book.note(kind, object, Event::here(function));
}
