//! Devices of WDM drivers: IRPs go to the driver's dispatch routines, and come back through `IofCompleteRequest`.
//!
//! After "Writing IRP dispatch routines", "Completing IRPs" and "Cancel routines in WDM" of the Windows driver
//! documentation. Dispatch routines run at PASSIVE_LEVEL in the caller's context, cancel routines at DISPATCH_LEVEL with
//! the system's cancel spin lock, which they release.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{DRIVER_OBJECT, IRP, NTSTATUS, PDRIVER_DISPATCH, PVOID};

use super::{Device, Irp, Major, NtStatus, Target, status};
use crate::{
    judge::rule,
    kernel::{DriverId, kernel},
    nt,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// `SL_PENDING_RETURNED`: `IoMarkIrpPending` was called.
const PENDING_RETURNED: u8 = 1;
/// `IRP_MJ_MAXIMUM_FUNCTION` and one.
pub(crate) const MAJOR_FUNCTIONS: usize = 28;

/// The IRPs that WDM drivers have, by address.
#[derive(Default)]
pub(crate) struct UnderWay {
    irps: Mutex<BTreeMap<usize, Arc<Irp>>>,
}

impl UnderWay {
    /// The IRP at an address, if a driver has it.
    pub(crate) fn find(&self, irp: *const IRP) -> Option<Arc<Irp>> {
        lock(&self.irps).get(&irp.addr()).cloned()
    }
}

/// Where a device's dispatch routines stand.
pub(crate) enum Routines {
    /// In the driver's object.
    Object(DriverId),
    /// In a table of its own; what is not there is refused with a status.
    Table(DriverId, Box<[PDRIVER_DISPATCH; MAJOR_FUNCTIONS]>, NtStatus),
}

/// A WDM driver behind a device.
pub(crate) struct WdmTarget {
    routines: Routines,
}

impl WdmTarget {
    pub(crate) fn new(routines: Routines) -> Arc<Self> {
        Arc::new(Self { routines })
    }

    fn driver(&self) -> DriverId {
        match self.routines {
            Routines::Object(driver) | Routines::Table(driver, ..) => driver,
        }
    }

    fn routine(&self, major: u8) -> Result<PDRIVER_DISPATCH, NtStatus> {
        let code = usize::from(major);
        match &self.routines {
            Routines::Object(driver) => {
                let object: *mut DRIVER_OBJECT = nt::driver::object_of(*driver).ok_or(status::NO_SUCH_DEVICE)?;
                // SAFETY: the object lives as long as the process.
                Ok(unsafe { (*object).MajorFunction }.get(code).copied().flatten())
            }
            Routines::Table(_, table, refusal) => table.get(code).copied().flatten().map(Some).ok_or(*refusal),
        }
    }
}

/// A callback's name, for reports.
fn name_of(major: Major) -> &'static str {
    match major {
        Major::Create => "DispatchCreate",
        Major::Close => "DispatchClose",
        Major::Read => "DispatchRead",
        Major::Write => "DispatchWrite",
        Major::DeviceControl => "DispatchDeviceControl",
        Major::InternalDeviceControl => "DispatchInternalDeviceControl",
        Major::Cleanup => "DispatchCleanup",
    }
}

impl Target for WdmTarget {
    fn dispatch(&self, irp: &Arc<Irp>) {
        let routine = match self.routine(irp.major().code()) {
            Ok(Some(routine)) => routine,
            Ok(None) => kernel().judge.bug_check(format!("{} for a null dispatch routine", irp.describe())),
            Err(refusal) => return irp.complete(refusal, 0),
        };
        // The driver says itself whether it keeps the IRP.
        irp.with_raw(|_, stack| stack.Control = 0);
        let (device, raw) = (irp.file().device().object(), irp.raw());
        lock(&kernel().io.under_way.irps).insert(raw.addr(), irp.clone());
        let returned = thread::call_driver(self.driver(), name_of(irp.major()), PASSIVE_LEVEL, || {
            // SAFETY: the driver's own routine, with its device and an IRP for it.
            unsafe { routine(device, raw) }
        });
        judge_return(irp, NtStatus(returned.cast_unsigned()));
    }

    fn is_wdm(&self) -> bool {
        true
    }

    fn call(&self, device: &Device, irp: *mut IRP, major: u8) -> Option<NTSTATUS> {
        let routine = match self.routine(major) {
            Ok(Some(routine)) => routine,
            Ok(None) => kernel().judge.bug_check(format!("IRP_MJ {major:#x} for a null dispatch routine")),
            Err(refusal) => {
                // SAFETY: the sender's IRP, which is under way.
                let result = unsafe { &mut (*irp).IoStatus };
                result.u.Status = refusal.0.cast_signed();
                complete(irp);
                return Some(refusal.0.cast_signed());
            }
        };
        Some(thread::call_driver(self.driver(), "Dispatch", thread::irql(), || {
            // SAFETY: the driver's own routine, with its device and an IRP whose location is for it.
            unsafe { routine(device.object(), irp) }
        }))
    }

    fn cancel(&self, irp: &Arc<Irp>) {
        let device = irp.file().device();
        thread::call_driver(self.driver(), "Cancel", thread::irql(), || {
            let irql = nt::cancel::acquire();
            let routine = irp.with_raw(|raw, _| {
                raw.CancelIrql = irql;
                nt::cancel::exchange_routine(raw, None)
            });
            match routine {
                // SAFETY: the driver's own routine; it releases the cancel spin lock.
                Some(routine) => unsafe { routine(device.object(), irp.raw()) },
                None => nt::cancel::release(irql),
            }
        });
    }
}

/// What a dispatch routine returned has to agree with what it did to the IRP (V43).
fn judge_return(irp: &Arc<Irp>, returned: NtStatus) {
    let judge = &kernel().judge;
    let marked = irp.with_raw(|_, stack| stack.Control & PENDING_RETURNED != 0);
    let (what, returned_name) = (|| irp.describe(), || status::name(returned));
    judge.check(rule::V43, (returned == status::PENDING) == marked, || {
        let did = if marked { "marked it pending" } else { "did not mark it pending" };
        format!("{}: its dispatch routine {did} and returned {}", what(), returned_name())
    });
    if returned == status::PENDING {
        return;
    }
    let completion = irp.completion();
    judge.check(rule::V43, completion.is_some(), || {
        format!("{}: its dispatch routine returned {} and did not complete it", what(), returned_name())
    });
    let agrees = completion.as_ref().is_none_or(|completion| completion.nt_status() == returned);
    judge.check(rule::V43, agrees, || {
        let completed = completion.as_ref().map(|c| status::name(c.nt_status())).unwrap_or_default();
        format!("{}: completed with {completed}, and its dispatch routine returned {}", what(), returned_name())
    });
}

/// `IofCompleteRequest` by a WDM driver.
pub(crate) fn complete(raw: *mut IRP) {
    if nt::irp::is_drivers(raw) {
        return nt::irp::complete(raw);
    }
    let judge = &kernel().judge;
    let taken = lock(&kernel().io.under_way.irps).remove(&raw.addr());
    let Some(irp) = taken else {
        let what = kernel().memory.describe(raw.addr());
        judge.fatal(rule::V43, format!("IofCompleteRequest of what is no IRP of the driver's: {what}"), Vec::new());
    };
    let (status, information, cancelable) = irp.with_raw(|raw, _| {
        // SAFETY: each view of the union holds its bytes.
        let status = unsafe { raw.IoStatus.u.Status };
        (status, raw.IoStatus.Information, raw.CancelRoutine.is_some())
    });
    // An MDL that the driver put there is the I/O manager's to unlock and free.
    let list = irp.with_raw(|raw, _| raw.MdlAddress);
    let own_mdl = irp.mdl().is_none_or(|mdl| mdl != list);
    let status = NtStatus(status.cast_unsigned());
    judge.check(rule::V43, status != status::PENDING, || format!("{} completed with PENDING", irp.describe()));
    judge.check(rule::V44, !cancelable, || format!("{} completed with its cancel routine set", irp.describe()));
    irp.complete(status, information);
    if own_mdl {
        nt::mdl::release(list);
    }
}

/// The ID of the process that an IRP comes from.
pub(crate) fn requestor(raw: *const IRP) -> Option<usize> {
    kernel().io.under_way.find(raw).map(|irp| super::process_id(irp.process()))
}

/// Puts a device before the others of its driver's object.
pub(crate) fn link(device: &Device, object: *mut DRIVER_OBJECT) {
    // SAFETY: a driver object lives as long as the process.
    let object = unsafe { &mut *object };
    let next = std::mem::replace(&mut object.DeviceObject, device.object());
    device.update(|device| device.NextDevice = next);
}

/// Takes a device out of its driver's list.
pub(crate) fn unlink(device: &Device, object: *mut DRIVER_OBJECT) {
    let (gone, next) = (device.object(), device.read().NextDevice);
    // SAFETY: as in `link`.
    let object = unsafe { &mut *object };
    if object.DeviceObject == gone {
        object.DeviceObject = next;
        return;
    }
    for other in kernel().io.devices_of(device.driver()) {
        if other.read().NextDevice == gone {
            other.update(|other| other.NextDevice = next);
        }
    }
}

/// What process objects begin with: no address, so that looking into one faults.
const PROCESS_OBJECT: usize = 0x0bad_0001_0000_0000;

/// An address that stands for the process of an ID: drivers compare it and pass it on.
pub(crate) fn process_object(id: usize) -> PVOID {
    std::ptr::without_provenance_mut(PROCESS_OBJECT | id << 4)
}

/// The ID of the process that such an address stands for.
pub(crate) fn process_object_id(object: PVOID) -> usize {
    (object.addr() ^ PROCESS_OBJECT) >> 4
}
