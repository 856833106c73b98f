//! Each call that may fail is failed once for each way by which the driver comes to it, while everything happens that
//! happens under stress: the driver survives it, and nothing is left.
//!
//! One call fails in a run. Runs go on, each with a seed of its own, until some in a row have found no call that was not
//! failed yet. Some calls are only made where others failed: so there are more such runs, in which memory is low. Then
//! several calls fail in a run, by chance; and in the last runs memory is low for a while, after which the driver has to
//! work in full again. A call in the image that no run came to is said.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};

use super::{
    call_sites,
    stress::{self, Cast, Stress},
};
use crate::{
    faults::{Plan, Site},
    kernel::{DriverId, kernel},
    lab::LabConfig,
    pe::image::Image,
};

/// Events of a run.
const EVENTS: u64 = 1200;
/// Of how many calls one fails, in the runs in which several do. With one of two the driver hardly ever starts.
const CHANCES: [u64; 16] = [3, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 400];
/// The same in runs in which memory is low, between the bursts.
const LOW: [u64; 8] = [2, 3, 5, 10, 20, 50, 100, 1000];
/// Runs without a fresh call after which there is none.
const IN_VAIN: usize = 25;
/// Of how many calls for memory one fails in the runs that look for calls which are made where others failed.
const BEHIND: u64 = 20;

/// Imports and functions of the framework that the lab can fail, as far as a filter with a control device calls them.
const MAY_FAIL: &[&str] = &[
    "ExAllocatePool2",
    "ExAllocatePool3",
    "ExAllocatePoolWithTag",
    "ExAllocateTimer",
    "FwpmCalloutAdd0",
    "FwpmEngineOpen0",
    "FwpmFilterAdd0",
    "FwpmProviderAdd0",
    "FwpmSubLayerAdd0",
    "FwpsCalloutRegister1",
    "FwpsCalloutRegister2",
    "FwpsCalloutRegister3",
    "FwpsInjectionHandleCreate0",
    "IoAllocateMdl",
    "IoAllocateWorkItem",
    "MmMapLockedPagesSpecifyCache",
    "NdisAllocateCloneNetBufferList",
    "NdisAllocateCloneOidRequest",
    "NdisAllocateFragmentNetBufferList",
    "NdisAllocateIoWorkItem",
    "NdisAllocateMdl",
    "NdisAllocateMemoryWithTag",
    "NdisAllocateMemoryWithTagPriority",
    "NdisAllocateNetBuffer",
    "NdisAllocateNetBufferAndNetBufferList",
    "NdisAllocateNetBufferList",
    "NdisAllocateNetBufferListContext",
    "NdisAllocateNetBufferListPool",
    "NdisAllocateNetBufferMdlAndData",
    "NdisAllocateNetBufferPool",
    "NdisAllocateRWLock",
    "NdisAllocateReassembledNetBufferList",
    "NdisAllocateTimerObject",
    "NdisCopyFromNetBufferToNetBuffer",
    "NdisFRegisterFilterDriver",
    "NdisFRestartFilter",
    "NdisFSetAttributes",
    "NdisGetDataBuffer",
    "NdisIfAddIfStackEntry",
    "NdisIfAllocateNetLuidIndex",
    "NdisIfRegisterInterface",
    "NdisIfRegisterProvider",
    "NdisOpenConfigurationEx",
    "NdisReadConfiguration",
    "NdisRegisterDeviceEx",
    "NdisRetreatNetBufferDataStart",
    "NdisRetreatNetBufferListDataStart",
    "NotifyIpInterfaceChange",
    "NotifyRouteChange2",
    "NotifyUnicastIpAddressChange",
    "WdfControlDeviceInitAllocate",
    "WdfDeviceCreate",
    "WdfDeviceCreateSymbolicLink",
    "WdfDeviceInitAssignName",
    "WdfDriverCreate",
    "WdfDriverOpenParametersRegistryKey",
    "WdfIoQueueCreate",
    "WdfMemoryCreate",
    "WdfObjectAllocateContext",
    "WdfObjectCreate",
    "WdfRegistryQueryULong",
    "WdfRegistryQueryValue",
    "WdfRequestRetrieveInputBuffer",
    "WdfRequestRetrieveInputMemory",
    "WdfRequestRetrieveOutputBuffer",
    "WdfRequestRetrieveOutputMemory",
    "WdfSpinLockCreate",
    "WdfStringCreate",
    "WdfTimerCreate",
    "WdfWaitLockCreate",
    "WdfWorkItemCreate",
];

/// What it came to.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// The places, each of which failed once and was survived.
    pub sites: BTreeSet<Site>,
    /// Calls in the image that no run came to: the function, and from where.
    pub unreached: Vec<String>,
    /// Runs in which one call failed, or none was found.
    pub runs: u64,
    /// Runs in which memory was low, to come to calls that are made where others failed; and how many such there are.
    pub behind: Count,
    /// Runs in which several calls failed, and how many did in all.
    pub combined: Count,
    /// The same for those in which memory was low.
    pub low: Count,
}

/// Runs, and calls that failed in them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// How many runs.
    pub runs: u64,
    /// How many calls.
    pub calls: u64,
}

/// Runs it; `say` is told of each place.
///
/// # Errors
/// What is wrong besides broken rules, which end the process.
pub fn run(config: &LabConfig, driver: &Path, seed: u64, mut say: impl FnMut(&str)) -> Result<Failed> {
    let mut failed = Failed::default();
    let mut survive = |sites: &mut BTreeSet<Site>, seed, plan| -> Result<bool> {
        once(config, driver, seed, plan)?;
        let Some(site) = kernel().faults.fresh() else { return Ok(false) };
        say(&describe(&site));
        Ok(sites.insert(site))
    };
    let mut in_vain = 0;
    while in_vain < IN_VAIN {
        let plan = Plan::Fresh(failed.sites.clone());
        in_vain = if survive(&mut failed.sites, seed + failed.runs, plan)? { 0 } else { in_vain + 1 };
        failed.runs += 1;
    }
    in_vain = 0;
    while in_vain < IN_VAIN {
        let seed = seed + failed.behind.runs;
        let plan = Plan::Any(vec![Plan::Low { seed, one_in: BEHIND }, Plan::Fresh(failed.sites.clone())]);
        let found = survive(&mut failed.sites, seed, plan)?;
        in_vain = if found { 0 } else { in_vain + 1 };
        failed.behind.add(found.into());
    }
    for (number, one_in) in (0..).zip(CHANCES) {
        let seed = seed + number;
        failed.combined.add(once(config, driver, seed, Plan::Chance { seed, one_in })?);
    }
    for (number, one_in) in (0..).zip(LOW) {
        let seed = seed + number;
        failed.low.add(once(config, driver, seed, Plan::Low { seed, one_in })?);
    }
    failed.unreached = unreached(driver, &failed.sites)?;
    Ok(failed)
}

/// One run with a plan: how many calls failed.
///
/// # Errors
/// What is wrong besides broken rules, which end the process.
pub fn once(config: &LabConfig, driver: &Path, seed: u64, plan: Plan) -> Result<u64> {
    let stress = Stress { plan: Some(plan), ..Stress::new(vec![driver.to_owned()], Cast::Readers, seed, EVENTS) };
    stress::run(config, &stress, |_, _| ()).with_context(|| {
        let plan = kernel().faults.replay().unwrap_or_default();
        format!("--seed {seed} --failing {plan}")
    })?;
    Ok(kernel().faults.failures())
}

impl Count {
    fn add(&mut self, calls: u64) {
        self.runs += 1;
        self.calls += calls;
    }
}

/// A place in words.
pub fn describe(site: &Site) -> String {
    let base = kernel().driver(DriverId(0)).map_or(0, |info| info.base);
    let path: Vec<_> = site.path.iter().map(|at| kernel().describe_address(base + at)).collect();
    format!("{} in {} from {}", site.function, site.callback, path.join(", "))
}

/// Calls in the image to imports that may fail of which no run came back.
fn unreached(driver: &Path, sites: &BTreeSet<Site>) -> Result<Vec<String>> {
    let image = Image::parse(&fs::read(driver).with_context(|| driver.display().to_string())?)?;
    let base = kernel().driver(DriverId(0)).map_or(0, |info| info.base);
    let table = kernel().wdf.bindings.pointer_of(DriverId(0)).context("the driver is not bound to the framework")?;
    let calls = call_sites::of(&image, Some(table - base), |function| MAY_FAIL.contains(&function)).into_iter();
    let never = calls.filter(|call| !sites.iter().any(|site| call.is(site, &image)));
    Ok(never.map(|call| format!("{} from {}", call.function, kernel().describe_address(base + call.after))).collect())
}
