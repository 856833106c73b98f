//! Each call that may fail is failed once for each way by which the driver comes to it, while everything happens that
//! happens under stress: the driver survives it, and nothing is left.
//!
//! One call fails in a run. Runs go on, each with a seed of its own, until some in a row have found no call that was not
//! failed yet.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};

use super::stress::{self, Stress};
use crate::{
    faults::{Plan, Site},
    kernel::{DriverId, kernel},
    lab::LabConfig,
    pe::image::{Image, Import},
};

/// Events of a run.
const EVENTS: u64 = 1200;
/// Runs without a fresh call after which there is none.
const IN_VAIN: usize = 25;

/// Imports that the lab can fail.
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
];

/// What it came to.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// The places, each of which failed once and was survived.
    pub sites: BTreeSet<Site>,
    /// Calls in the image that no run came to: the function, and from where.
    pub unreached: Vec<String>,
    /// Runs.
    pub runs: u64,
}

/// Runs it; `say` is told of each place.
///
/// # Errors
/// What is wrong besides broken rules, which end the process.
pub fn run(config: &LabConfig, driver: &Path, seed: u64, mut say: impl FnMut(&str)) -> Result<Failed> {
    let mut failed = Failed::default();
    let mut in_vain = 0;
    while in_vain < IN_VAIN {
        let plan = Some(Plan::Fresh(failed.sites.clone()));
        let stress =
            Stress { seed: seed + failed.runs, events: EVENTS, part: 0, of: 1, without: vec![], trace: false, plan };
        stress::run(config, driver, &stress, |_, _| ())
            .with_context(|| format!("after {:?} failed", kernel().faults.fresh()))?;
        failed.runs += 1;
        in_vain += 1;
        if let Some(site) = kernel().faults.fresh() {
            say(&describe(&site));
            failed.sites.insert(site);
            in_vain = 0;
        }
    }
    failed.unreached = unreached(driver, &failed.sites)?;
    Ok(failed)
}

/// A place in words.
pub fn describe(site: &Site) -> String {
    let base = kernel().driver(DriverId(0)).map_or(0, |info| info.base);
    let path: Vec<_> = site.path.iter().map(|at| kernel().describe_address(base + at)).collect();
    format!("{} in {} from {}", site.function, site.callback, path.join(", "))
}

/// Calls in the image to imports that may fail of which no run came back.
fn unreached(driver: &Path, sites: &BTreeSet<Site>) -> Result<Vec<String>> {
    let reached: BTreeSet<usize> = sites.iter().filter_map(|site| site.path.first().copied()).collect();
    let image = Image::parse(&fs::read(driver).with_context(|| driver.display().to_string())?)?;
    let may_fail: Vec<&Import> =
        image.imports.iter().filter(|import| MAY_FAIL.contains(&import.function.as_str())).collect();
    let mut unreached = Vec::new();
    let base = kernel().driver(DriverId(0)).map_or(0, |info| info.base);
    for section in image.sections.iter().filter(|section| section.executable) {
        let end = (section.start + section.len).min(image.bytes.len());
        for at in section.start..end.saturating_sub(6) {
            // call qword ptr [rip + displacement]
            let Some([0xff, 0x15, displacement @ ..]) = image.bytes.get(at..at + 6) else { continue };
            let displacement = i32::from_le_bytes(displacement.try_into().unwrap_or_default());
            let target = (at + 6).wrapping_add_signed(displacement as isize);
            if let Some(import) = may_fail.iter().find(|import| import.slot == target)
                && !reached.contains(&(at + 6))
            {
                unreached.push(format!("{} from {}", import.function, kernel().describe_address(base + at + 6)));
            }
        }
    }
    Ok(unreached)
}
