//! What NDIS says of the machine's processors and of a hypervisor. IRQL up to DISPATCH_LEVEL unless said otherwise.
//!
//! After `NdisGetProcessorInformation`, `NdisGetProcessorInformationEx`, `NdisCurrentGroupAndProcessor`,
//! `NdisGetHypervisorInfo`. The machine is one package with a core for each processor, and no guest.

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_STATUS, NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_SUCCESS, PROCESSOR_NUMBER,
};

use super::{
    attach::{blank, header},
    raw,
};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "NdisCurrentGroupAndProcessor" => current_processor,
    "NdisGetProcessorInformation" => processor_information,
    "NdisGetProcessorInformationEx" => processor_information_ex,
    "NdisGetHypervisorInfo" => hypervisor_info,
};

/// Highest IRQL.
const HIGH_LEVEL: u8 = 15;
/// Most processors that `NDIS_SYSTEM_PROCESSOR_INFO` describes.
const MOST: usize = 64;

/// `NDIS_PROCESSOR_INFO`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Processor {
    number: u32,
    package: u32,
    core: u32,
    hyper_thread: u32,
}

/// `NDIS_SYSTEM_PROCESSOR_INFO`.
#[repr(C)]
#[derive(Clone, Copy)]
struct System {
    header: NDIS_OBJECT_HEADER,
    flags: u32,
    vendor: i32,
    packages: u32,
    cores: u32,
    cores_per_package: u32,
    hyper_threads_per_core: u32,
    rss_base: u32,
    rss_count: u32,
    rss_processors: *const u8,
    processors: [Processor; MOST],
}

/// `NDIS_PROCESSOR_INFO_EX`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ProcessorEx {
    number: PROCESSOR_NUMBER,
    socket: u32,
    core: u32,
    hyper_thread: u32,
    node: u16,
    node_distance: u16,
}

/// `NDIS_SYSTEM_PROCESSOR_INFO_EX`.
#[repr(C)]
#[derive(Clone, Copy)]
struct SystemEx {
    header: NDIS_OBJECT_HEADER,
    flags: u32,
    vendor: i32,
    sockets: u32,
    cores: u32,
    cores_per_socket: u32,
    hyper_threads_per_core: u32,
    offset: u32,
    count: u32,
    entry_size: u32,
}

/// `NDIS_HYPERVISOR_INFO`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Hypervisor {
    header: NDIS_OBJECT_HEADER,
    flags: u32,
    partition_type: i32,
}

/// The processors that receives are spread over, which are all.
static RSS_PROCESSORS: [u8; MOST] = {
    let mut numbers = [0; MOST];
    let mut at = 0;
    while at < MOST {
        numbers[at] = at as u8;
        at += 1;
    }
    numbers
};

unsafe extern "win64" fn current_processor() -> PROCESSOR_NUMBER {
    const FUNCTION: &str = "NdisCurrentGroupAndProcessor";
    thread::enter(FUNCTION, HIGH_LEVEL, rule::V09);
    kernel().judge.check(rule::V09, thread::irql() >= DISPATCH_LEVEL, || {
        format!("{FUNCTION} called at IRQL {}, below DISPATCH_LEVEL: the processor may change", thread::irql())
    });
    PROCESSOR_NUMBER { Group: 0, Number: thread::processor() as u8, Reserved: 0 }
}

/// PASSIVE_LEVEL. `Header.Size` says how much the driver has room for.
unsafe extern "win64" fn processor_information(at: *mut System) -> NDIS_STATUS {
    thread::enter("NdisGetProcessorInformation", PASSIVE_LEVEL, rule::V09);
    if usize::from(raw::read(at.cast::<NDIS_OBJECT_HEADER>()).Size) < size_of::<System>() {
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    let count = thread::processors();
    let mut system: System = blank();
    system.header = header(NDIS_OBJECT_TYPE_DEFAULT, 1, size_of::<System>());
    (system.packages, system.cores, system.cores_per_package) = (1, count, count);
    (system.hyper_threads_per_core, system.rss_count) = (1, count);
    system.rss_processors = RSS_PROCESSORS.as_ptr();
    for (number, processor) in (0..count).zip(&mut system.processors) {
        *processor = Processor { number, package: 0, core: number, hyper_thread: 0 };
    }
    raw::write(at, system);
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn processor_information_ex(
    _handle: NDIS_HANDLE,
    at: *mut SystemEx,
    size: *mut usize,
) -> NDIS_STATUS {
    thread::enter("NdisGetProcessorInformationEx", DISPATCH_LEVEL, rule::V09);
    let count = thread::processors();
    let needed = size_of::<SystemEx>() + count as usize * size_of::<ProcessorEx>();
    let room = raw::read(size);
    raw::write(size, needed);
    if at.is_null() || room < needed {
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    raw::write(
        at,
        SystemEx {
            header: header(NDIS_OBJECT_TYPE_DEFAULT, 1, size_of::<SystemEx>()),
            flags: 0,
            vendor: 0,
            sockets: 1,
            cores: count,
            cores_per_socket: count,
            hyper_threads_per_core: 1,
            offset: size_of::<SystemEx>() as u32,
            count,
            entry_size: size_of::<ProcessorEx>() as u32,
        },
    );
    let entries: *mut ProcessorEx = at.wrapping_add(1).cast();
    for core in 0..count {
        let number = PROCESSOR_NUMBER { Group: 0, Number: core as u8, Reserved: 0 };
        let processor = ProcessorEx { number, socket: 0, core, hyper_thread: 0, node: 0, node_distance: 0 };
        raw::write(entries.wrapping_add(core as usize), processor);
    }
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn hypervisor_info(at: *mut Hypervisor) -> NDIS_STATUS {
    thread::enter("NdisGetHypervisorInfo", DISPATCH_LEVEL, rule::V09);
    if usize::from(raw::read(at.cast::<NDIS_OBJECT_HEADER>()).Size) < size_of::<Hypervisor>() {
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    let kind = header(NDIS_OBJECT_TYPE_DEFAULT, 1, size_of::<Hypervisor>());
    raw::write(at, Hypervisor { header: kind, flags: 0, partition_type: 0 });
    NDIS_STATUS_SUCCESS
}
