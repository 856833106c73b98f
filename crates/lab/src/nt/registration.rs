//! What a driver asks to be told of and has to take back before it goes: processes, threads, images, processors, power
//! settings, shutdown, bug checks. In the lab none of it happens; what is left behind breaks V35. PASSIVE_LEVEL.

use std::sync::{Mutex, MutexGuard};

use nblease_ndis::sys::{
    BOOLEAN, DEVICE_OBJECT, GUID, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
};

use super::{HIGH_LEVEL, dpc::owner, enter};
use crate::{
    exports,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sync::lock,
    thread::{APC_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "IoRegisterShutdownNotification" => io_register_shutdown_notification,
    "IoUnregisterShutdownNotification" => io_unregister_shutdown_notification,
    "KeDeregisterBugCheckCallback" => ke_deregister_bug_check_callback,
    "KeDeregisterBugCheckReasonCallback" => ke_deregister_bug_check_reason_callback,
    "KeDeregisterProcessorChangeCallback" => ke_deregister_processor_change_callback,
    "KeRegisterBugCheckCallback" => ke_register_bug_check_callback,
    "KeRegisterBugCheckReasonCallback" => ke_register_bug_check_reason_callback,
    "KeRegisterProcessorChangeCallback" => ke_register_processor_change_callback,
    "PoRegisterPowerSettingCallback" => po_register_power_setting_callback,
    "PoUnregisterPowerSettingCallback" => po_unregister_power_setting_callback,
    "PsRemoveCreateThreadNotifyRoutine" => ps_remove_create_thread_notify_routine,
    "PsRemoveLoadImageNotifyRoutine" => ps_remove_load_image_notify_routine,
    "PsSetCreateProcessNotifyRoutine" => ps_set_create_process_notify_routine,
    "PsSetCreateProcessNotifyRoutineEx" => ps_set_create_process_notify_routine,
    "PsSetCreateThreadNotifyRoutine" => ps_set_create_thread_notify_routine,
    "PsSetLoadImageNotifyRoutine" => ps_set_load_image_notify_routine,
};

/// `STATUS_PROCEDURE_NOT_FOUND`.
const PROCEDURE_NOT_FOUND: NTSTATUS = 0xc000_007a_u32.cast_signed();

/// `KE_PROCESSOR_CHANGE_ADD_EXISTING`.
const ADD_EXISTING: ULONG = 1;

/// What is registered: for what, by which driver, under which key.
#[derive(Default)]
pub struct Registrations {
    registered: Mutex<Vec<(&'static str, DriverId, usize)>>,
}

impl Registrations {
    fn registered(&self) -> MutexGuard<'_, Vec<(&'static str, DriverId, usize)>> {
        lock(&self.registered)
    }

    fn add(&self, what: &'static str, driver: DriverId, key: usize) {
        self.registered().push((what, driver, key));
    }

    /// Whether it was registered.
    fn remove(&self, what: &'static str, key: usize) -> bool {
        let mut registered = self.registered();
        let at = registered.iter().position(|(of, _, other)| *of == what && *other == key);
        at.map(|at| registered.remove(at)).is_some()
    }

    /// What a driver did not take back.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let registered = self.registered();
        let left = registered.iter().filter(|(_, of, _)| *of == driver);
        left.map(|(what, _, key)| format!("{what} {}", kernel().describe_address(*key))).collect()
    }
}

const PROCESSES: &str = "process notify routine";
const THREADS: &str = "thread notify routine";
const IMAGES: &str = "image notify routine";
const PROCESSORS: &str = "processor change callback";
const POWER: &str = "power setting callback";
const SHUTDOWN: &str = "shutdown notification of device";
const BUG_CHECK: &str = "bug check callback of record";

fn add(what: &'static str, routine: usize, key: usize) {
    kernel().nt.registrations.add(what, owner(routine), key);
}

fn remove(what: &'static str, key: usize) -> bool {
    kernel().nt.registrations.remove(what, key)
}

fn remove_or(what: &'static str, key: usize, status: NTSTATUS) -> NTSTATUS {
    if remove(what, key) { STATUS_SUCCESS } else { status }
}

unsafe extern "win64" fn ps_set_create_process_notify_routine(routine: usize, take_back: BOOLEAN) -> NTSTATUS {
    enter("PsSetCreateProcessNotifyRoutine", PASSIVE_LEVEL);
    if take_back != 0 {
        return remove_or(PROCESSES, routine, STATUS_INVALID_PARAMETER);
    }
    add(PROCESSES, routine, routine);
    STATUS_SUCCESS
}

unsafe extern "win64" fn ps_set_create_thread_notify_routine(routine: usize) -> NTSTATUS {
    enter("PsSetCreateThreadNotifyRoutine", PASSIVE_LEVEL);
    add(THREADS, routine, routine);
    STATUS_SUCCESS
}

unsafe extern "win64" fn ps_remove_create_thread_notify_routine(routine: usize) -> NTSTATUS {
    enter("PsRemoveCreateThreadNotifyRoutine", PASSIVE_LEVEL);
    remove_or(THREADS, routine, PROCEDURE_NOT_FOUND)
}

unsafe extern "win64" fn ps_set_load_image_notify_routine(routine: usize) -> NTSTATUS {
    enter("PsSetLoadImageNotifyRoutine", PASSIVE_LEVEL);
    add(IMAGES, routine, routine);
    STATUS_SUCCESS
}

unsafe extern "win64" fn ps_remove_load_image_notify_routine(routine: usize) -> NTSTATUS {
    enter("PsRemoveLoadImageNotifyRoutine", PASSIVE_LEVEL);
    remove_or(IMAGES, routine, PROCEDURE_NOT_FOUND)
}

unsafe extern "win64" fn ke_register_processor_change_callback(routine: usize, _context: PVOID, flags: ULONG) -> usize {
    enter("KeRegisterProcessorChangeCallback", APC_LEVEL);
    if flags & ADD_EXISTING != 0 {
        kernel()
            .judge
            .bug_check("KeRegisterProcessorChangeCallback with KE_PROCESSOR_CHANGE_ADD_EXISTING is not in the lab");
    }
    add(PROCESSORS, routine, routine);
    routine
}

unsafe extern "win64" fn ke_deregister_processor_change_callback(handle: usize) {
    enter("KeDeregisterProcessorChangeCallback", APC_LEVEL);
    kernel().judge.check(rule::V36, remove(PROCESSORS, handle), || {
        format!("KeDeregisterProcessorChangeCallback of {handle:#x}, which is no registration")
    });
}

unsafe extern "win64" fn po_register_power_setting_callback(
    _device: *mut DEVICE_OBJECT,
    _setting: *const GUID,
    routine: usize,
    _context: PVOID,
    handle: *mut usize,
) -> NTSTATUS {
    enter("PoRegisterPowerSettingCallback", PASSIVE_LEVEL);
    add(POWER, routine, routine);
    // SAFETY: the DDI demands storage for the handle.
    unsafe { handle.write(routine) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn po_unregister_power_setting_callback(handle: usize) -> NTSTATUS {
    enter("PoUnregisterPowerSettingCallback", PASSIVE_LEVEL);
    remove_or(POWER, handle, STATUS_INVALID_PARAMETER)
}

unsafe extern "win64" fn io_register_shutdown_notification(device: *mut DEVICE_OBJECT) -> NTSTATUS {
    enter("IoRegisterShutdownNotification", PASSIVE_LEVEL);
    let driver = kernel().io.device_of(device).map_or_else(|| owner(0), |device| device.driver());
    kernel().nt.registrations.add(SHUTDOWN, driver, device.addr());
    STATUS_SUCCESS
}

unsafe extern "win64" fn io_unregister_shutdown_notification(device: *mut DEVICE_OBJECT) {
    enter("IoUnregisterShutdownNotification", PASSIVE_LEVEL);
    remove(SHUTDOWN, device.addr());
}

unsafe extern "win64" fn ke_register_bug_check_callback(record: usize, routine: usize) -> BOOLEAN {
    enter("KeRegisterBugCheckCallback", HIGH_LEVEL);
    add(BUG_CHECK, routine, record);
    1
}

unsafe extern "win64" fn ke_deregister_bug_check_callback(record: usize) -> BOOLEAN {
    enter("KeDeregisterBugCheckCallback", HIGH_LEVEL);
    u8::from(remove(BUG_CHECK, record))
}

unsafe extern "win64" fn ke_register_bug_check_reason_callback(record: usize, routine: usize) -> BOOLEAN {
    enter("KeRegisterBugCheckReasonCallback", HIGH_LEVEL);
    add(BUG_CHECK, routine, record);
    1
}

unsafe extern "win64" fn ke_deregister_bug_check_reason_callback(record: usize) -> BOOLEAN {
    enter("KeDeregisterBugCheckReasonCallback", HIGH_LEVEL);
    u8::from(remove(BUG_CHECK, record))
}
