//! What the headers define as inline functions and macros, in Rust, under the C names (`wdm.h`, `ndis/nblaccessors.h`,
//! `ndis/mdl.h`).
//!
//! IRQL of all: up to DISPATCH_LEVEL. All take pointers that the caller may read (and, where the function writes, write).

use super::constants::*;
use super::enums::*;
use super::functions::MmMapLockedPagesSpecifyCache;
use super::io::*;
use super::nbl::*;
use super::oob::*;
use super::types::*;

/// `MdlMappingNoExecute`: a mapping's pages are not executable. Or'ed into a page priority.
pub const MdlMappingNoExecute: ULONG = 0x4000_0000;

/// `NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE` and `_V2_TYPE`, as the `Type` bit says them.
pub use windows_sys::Wdk::NetworkManagement::Ndis::{
    NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE, NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE,
};

/// The bytes of an MDL in system space, mapped now if they were not; null where that fails.
///
/// # Safety
/// `Mdl` describes locked pages, nonpaged pool or a mapping, and only this thread maps it at a time.
#[must_use]
pub unsafe fn MmGetSystemAddressForMdlSafe(Mdl: *mut MDL, Priority: ULONG) -> PVOID {
    // SAFETY: the caller vouches for the MDL.
    let mdl = unsafe { &*Mdl };
    if mdl.MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        return mdl.MappedSystemVa;
    }
    // SAFETY: as the caller vouches for the MDL.
    unsafe { map(Mdl, Priority) }
}

/// Maps an MDL; null where that fails. Most MDLs come mapped, so this is one call in the image and not one in each place
/// that looks at payload.
///
/// # Safety
/// As for [`MmGetSystemAddressForMdlSafe`].
#[cold]
#[inline(never)]
unsafe fn map(Mdl: *mut MDL, Priority: ULONG) -> PVOID {
    // SAFETY: the caller vouches for the MDL; BugCheckOnFailure FALSE makes a failure a null.
    unsafe {
        MmMapLockedPagesSpecifyCache(Mdl, KernelMode as KPROCESSOR_MODE, MmCached, core::ptr::null_mut(), 0, Priority)
    }
}

/// `MmGetMdlByteCount`: how many bytes the MDL describes.
///
/// # Safety
/// `Mdl` may be read.
#[must_use]
pub unsafe fn MmGetMdlByteCount(Mdl: *const MDL) -> ULONG {
    // SAFETY: the caller vouches for the MDL.
    unsafe { (*Mdl).ByteCount }
}

/// `NET_BUFFER_LIST_INFO`: the OOB slot `Index`, to read or write; null for an index that there is not.
///
/// # Safety
/// `Nbl` points to an NBL.
#[must_use]
pub unsafe fn NET_BUFFER_LIST_INFO(Nbl: *mut NET_BUFFER_LIST, Index: NDIS_NET_BUFFER_LIST_INFO) -> *mut PVOID {
    // SAFETY: the caller vouches for the NBL; only a place is computed.
    let slots = unsafe { &raw mut (*Nbl).NetBufferListInfo };
    match usize::try_from(Index) {
        // SAFETY: `slot` is one of the array's.
        Ok(slot) if Index < MaxNetBufferListInfo => unsafe { slots.cast::<PVOID>().add(slot) },
        _ => core::ptr::null_mut(),
    }
}

/// `NET_BUFFER_LIST_CONTEXT_DATA_START`: the used part of the NBL's first context.
///
/// # Safety
/// `Nbl` points to an NBL that has a context.
#[must_use]
pub unsafe fn NET_BUFFER_LIST_CONTEXT_DATA_START(Nbl: *const NET_BUFFER_LIST) -> *mut UCHAR {
    // SAFETY: the caller vouches for the NBL.
    let context = unsafe { (*Nbl).Context };
    // SAFETY: the caller vouches for the context.
    let offset = unsafe { (*context).Offset };
    // SAFETY: only a place is computed.
    let data = unsafe { &raw mut (*context).ContextData };
    // SAFETY: NDIS keeps the offset within the context's data.
    unsafe { data.cast::<UCHAR>().add(usize::from(offset)) }
}

/// `NdisTestNblFlag`: whether any of `Flag`'s bits is set in `NblFlags`.
///
/// # Safety
/// `Nbl` may be read.
#[must_use]
pub unsafe fn NdisTestNblFlag(Nbl: *const NET_BUFFER_LIST, Flag: ULONG) -> bool {
    // SAFETY: the caller vouches for the NBL.
    unsafe { (*Nbl).NblFlags & Flag != 0 }
}

/// `NdisSetNblFlag`.
///
/// # Safety
/// `Nbl` may be written.
pub unsafe fn NdisSetNblFlag(Nbl: *mut NET_BUFFER_LIST, Flag: ULONG) {
    // SAFETY: the caller vouches for the NBL.
    unsafe { (*Nbl).NblFlags |= Flag }
}

/// `NdisClearNblFlag`.
///
/// # Safety
/// `Nbl` may be written.
pub unsafe fn NdisClearNblFlag(Nbl: *mut NET_BUFFER_LIST, Flag: ULONG) {
    // SAFETY: the caller vouches for the NBL.
    unsafe { (*Nbl).NblFlags &= !Flag }
}

/// The slots of an NBL by what they hold, read through the typed views of [`oob`](super::oob).
macro_rules! slots {
    ($($(#[$meta:meta])* $name:ident: $view:ident = $index:ident;)*) => {
        $(
            $(#[$meta])*
            ///
            /// # Safety
            /// `Nbl` may be read.
            #[must_use]
            pub unsafe fn $name(Nbl: *const NET_BUFFER_LIST) -> $view {
                // SAFETY: the caller vouches for the NBL; the index is an enumerator's.
                $view { Value: unsafe { (*Nbl).NetBufferListInfo[$index as usize] } }
            }
        )*
    };
}

slots! {
    /// Checksum offload, either direction.
    NET_BUFFER_LIST_CHECKSUM: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO = TcpIpChecksumNetBufferListInfo;
    /// Large send offload of a send.
    NET_BUFFER_LIST_LARGE_SEND: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO = TcpLargeSendNetBufferListInfo;
    /// UDP segmentation of a send.
    NET_BUFFER_LIST_UDP_SEGMENTATION: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO = UdpSegmentationOffloadInfo;
    /// The 802.1Q tag, either direction.
    NET_BUFFER_LIST_8021Q: NDIS_NET_BUFFER_LIST_8021Q_INFO = Ieee8021QNetBufferListInfo;
    /// Receive segment coalescing of a receive.
    NET_BUFFER_LIST_RSC: NDIS_RSC_NBL_INFO = TcpRecvSegCoalesceInfo;
    /// The filter and queue that the card chose for a receive.
    NET_BUFFER_LIST_FILTERING: NDIS_NET_BUFFER_LIST_FILTERING_INFO = NetBufferListFilteringInfo;
}
