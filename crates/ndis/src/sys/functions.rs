//! The functions of `ndis.sys` and `ntoskrnl.exe` that a light filter calls.
//!
//! On Windows these are the kernel's exports; the driver's link line names their import libraries. Elsewhere there is no
//! kernel to link to, and each goes to the stand-in that the calling thread has put into [`Host`]: so the code above
//! runs in tests on any machine.

use super::enums::MEMORY_CACHING_TYPE;
use super::filter::*;
use super::io::*;
use super::nbl::*;
use super::oid::*;
use super::pnp::*;
use super::signatures;
use super::status::*;
use super::types::*;

macro_rules! imports {
    ($(fn $name:ident($($parameter:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        #[cfg(windows)]
        unsafe extern "efiapi" {
            $(pub fn $name($($parameter: $type),*) $(-> $result)?;)*
        }

        // The signatures are pinned to the headers by a test; this pins the imports to the signatures.
        $(const _: signatures::$name = $name;)*

        #[cfg(not(windows))]
        mod host {
            use core::cell::Cell;
            use super::*;

            /// Stand-ins for the kernel's functions, on a host without one.
            #[derive(Clone, Copy)]
            pub struct Host {
                $(pub $name: Option<signatures::$name>,)*
            }

            std::thread_local! {
                static CURRENT: Cell<&'static Host> = const { Cell::new(&Host::NONE) };
            }

            impl Host {
                /// No stand-in at all: a call panics with the function's name.
                pub const NONE: Self = Self { $($name: None),* };

                /// Makes these the stand-ins for the calling thread.
                pub fn install(&'static self) {
                    CURRENT.set(self);
                }
            }

            $(
                /// Goes to the calling thread's stand-in.
                ///
                /// # Safety
                /// The kernel function's own contract.
                pub unsafe extern "efiapi" fn $name($($parameter: $type),*) $(-> $result)? {
                    let stand_in = CURRENT.get().$name.expect(concat!("no stand-in for ", stringify!($name)));
                    // SAFETY: the caller keeps the function's contract.
                    unsafe { stand_in($($parameter),*) }
                }
            )*
        }
        #[cfg(not(windows))]
        pub use host::*;
    };
}

imports! {
    // The filter driver and its modules.
    fn NdisGetVersion() -> UINT;
    fn NdisFRegisterFilterDriver(
        DriverObject: *mut DRIVER_OBJECT,
        FilterDriverContext: NDIS_HANDLE,
        FilterCharacteristics: *mut NDIS_FILTER_DRIVER_CHARACTERISTICS,
        NdisFilterDriverHandle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    fn NdisFDeregisterFilterDriver(NdisFilterDriverHandle: NDIS_HANDLE);
    fn NdisFSetAttributes(
        NdisFilterHandle: NDIS_HANDLE,
        FilterModuleContext: NDIS_HANDLE,
        FilterAttributes: *mut NDIS_FILTER_ATTRIBUTES,
    ) -> NDIS_STATUS;

    // The data path.
    fn NdisFSendNetBufferLists(
        NdisFilterHandle: NDIS_HANDLE,
        NetBufferList: *mut NET_BUFFER_LIST,
        PortNumber: NDIS_PORT_NUMBER,
        SendFlags: ULONG,
    );
    fn NdisFSendNetBufferListsComplete(
        NdisFilterHandle: NDIS_HANDLE,
        NetBufferList: *mut NET_BUFFER_LIST,
        SendCompleteFlags: ULONG,
    );
    fn NdisFCancelSendNetBufferLists(NdisFilterHandle: NDIS_HANDLE, CancelId: PVOID);
    fn NdisFIndicateReceiveNetBufferLists(
        NdisFilterHandle: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        PortNumber: NDIS_PORT_NUMBER,
        NumberOfNetBufferLists: ULONG,
        ReceiveFlags: ULONG,
    );
    fn NdisFReturnNetBufferLists(
        NdisFilterHandle: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        ReturnFlags: ULONG,
    );
    fn MmMapLockedPagesSpecifyCache(
        MemoryDescriptorList: *mut MDL,
        AccessMode: KPROCESSOR_MODE,
        CacheType: MEMORY_CACHING_TYPE,
        RequestedAddress: PVOID,
        BugCheckOnFailure: ULONG,
        Priority: ULONG,
    ) -> PVOID;

    // Packets of one's own.
    fn NdisAllocateNetBufferListPool(
        NdisHandle: NDIS_HANDLE,
        Parameters: *const NET_BUFFER_LIST_POOL_PARAMETERS,
    ) -> NDIS_HANDLE;
    fn NdisFreeNetBufferListPool(PoolHandle: NDIS_HANDLE);
    fn NdisAllocateNetBufferPool(NdisHandle: NDIS_HANDLE, Parameters: *const NET_BUFFER_POOL_PARAMETERS) -> NDIS_HANDLE;
    fn NdisFreeNetBufferPool(PoolHandle: NDIS_HANDLE);
    fn NdisAllocateNetBufferList(
        PoolHandle: NDIS_HANDLE,
        ContextSize: USHORT,
        ContextBackFill: USHORT,
    ) -> *mut NET_BUFFER_LIST;
    fn NdisFreeNetBufferList(NetBufferList: *mut NET_BUFFER_LIST);
    fn NdisAllocateNetBuffer(
        PoolHandle: NDIS_HANDLE,
        MdlChain: *mut MDL,
        DataOffset: ULONG,
        DataLength: SIZE_T,
    ) -> *mut NET_BUFFER;
    fn NdisFreeNetBuffer(NetBuffer: *mut NET_BUFFER);
    fn NdisAllocateMdl(NdisHandle: NDIS_HANDLE, VirtualAddress: PVOID, Length: ULONG) -> *mut MDL;
    fn NdisFreeMdl(Mdl: *mut MDL);
    fn NdisCopySendNetBufferListInfo(
        DestNetBufferList: *mut NET_BUFFER_LIST,
        SrcNetBufferList: *const NET_BUFFER_LIST,
    );
    fn ExAllocatePool2(Flags: POOL_FLAGS, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID;
    fn ExFreePoolWithTag(P: PVOID, Tag: ULONG);

    // OIDs, status and events.
    fn NdisAllocateCloneOidRequest(
        SourceHandle: NDIS_HANDLE,
        OidRequest: *mut NDIS_OID_REQUEST,
        PoolTag: UINT,
        ClonedOidRequest: *mut *mut NDIS_OID_REQUEST,
    ) -> NDIS_STATUS;
    fn NdisFreeCloneOidRequest(SourceHandle: NDIS_HANDLE, Request: *mut NDIS_OID_REQUEST);
    fn NdisFOidRequest(NdisFilterHandle: NDIS_HANDLE, OidRequest: *mut NDIS_OID_REQUEST) -> NDIS_STATUS;
    fn NdisFOidRequestComplete(
        NdisFilterHandle: NDIS_HANDLE,
        OidRequest: *mut NDIS_OID_REQUEST,
        Status: NDIS_STATUS,
    );
    fn NdisFCancelOidRequest(NdisFilterHandle: NDIS_HANDLE, RequestId: PVOID);
    fn NdisFIndicateStatus(NdisFilterHandle: NDIS_HANDLE, StatusIndication: *mut NDIS_STATUS_INDICATION);
    fn NdisFDevicePnPEventNotify(
        NdisFilterHandle: NDIS_HANDLE,
        NetDevicePnPEvent: *mut NET_DEVICE_PNP_EVENT,
    );
    fn NdisFNetPnPEvent(
        NdisFilterHandle: NDIS_HANDLE,
        NetPnPEventNotification: *mut NET_PNP_EVENT_NOTIFICATION,
    ) -> NDIS_STATUS;
}
