//! What NDIS tells a module when it attaches and restarts, and in a status indication, read in place.
//!
//! Contexts: within the callback, at PASSIVE_LEVEL; a status up to DISPATCH_LEVEL. Nothing borrowed from here outlives it.

use core::ptr::NonNull;
use core::slice;

use crate::offloads::Offloads;
use crate::status::Status;
use crate::sys::{
    NDIS_FILTER_ATTACH_PARAMETERS, NDIS_FILTER_RESTART_PARAMETERS, NDIS_LINK_STATE, NDIS_RESTART_ATTRIBUTES,
    NDIS_RESTART_GENERAL_ATTRIBUTES, NDIS_STATUS_INDICATION, NDIS_STATUS_LINK_STATE,
    NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, NET_LUID, NdisMedium802_3, OID_GEN_MINIPORT_RESTART_ATTRIBUTES,
    UNICODE_STRING,
};

/// What FilterAttach is told of the adapter (`NDIS_FILTER_ATTACH_PARAMETERS`).
pub struct AttachParameters<'call>(&'call NDIS_FILTER_ATTACH_PARAMETERS);

impl<'call> AttachParameters<'call> {
    /// # Safety
    /// `raw` and all it points to are as NDIS passes them to FilterAttach, for `'call`.
    pub(crate) unsafe fn new(raw: &'call NDIS_FILTER_ATTACH_PARAMETERS) -> Self {
        Self(raw)
    }

    /// The LUID of the module's own interface.
    #[must_use]
    pub fn net_luid(&self) -> NET_LUID {
        self.0.NetLuid
    }

    /// The index of the adapter's interface (`BaseMiniportIfIndex`).
    #[must_use]
    pub fn base_if_index(&self) -> u32 {
        self.0.BaseMiniportIfIndex
    }

    /// The LUID of the adapter's interface, by which programs know it (`BaseMiniportNetLuid`).
    #[must_use]
    pub fn base_net_luid(&self) -> NET_LUID {
        self.0.BaseMiniportNetLuid
    }

    /// The adapter's device name in UTF-16 (`BaseMiniportName`).
    #[must_use]
    pub fn base_name(&self) -> &'call [u16] {
        text(self.0.BaseMiniportName)
    }

    /// The adapter's name for people in UTF-16 (`BaseMiniportInstanceName`).
    #[must_use]
    pub fn base_instance_name(&self) -> &'call [u16] {
        text(self.0.BaseMiniportInstanceName)
    }

    /// The adapter's current hardware address.
    #[must_use]
    pub fn mac(&self) -> &'call [u8] {
        self.0.CurrentMacAddress.get(..self.0.MacAddressLength.into()).unwrap_or_default()
    }

    /// Whether frames are Ethernet's (`NdisMedium802_3`; Wi-Fi says so too).
    #[must_use]
    pub fn is_ethernet(&self) -> bool {
        self.0.MiniportMediaType == NdisMedium802_3
    }

    /// What the card offers to do with sends (`DefaultOffloadConfiguration`).
    #[must_use]
    pub fn offloads(&self) -> Offloads {
        // SAFETY: `new`'s caller vouches for the structure, whose header says its length.
        unsafe { Offloads::from_raw(self.0.DefaultOffloadConfiguration, usize::MAX) }
    }

    /// The link as it is now.
    #[must_use]
    pub fn link(&self) -> LinkState {
        LinkState { connect_state: self.0.MediaConnectState.cast_unsigned(), receive_speed: self.0.RcvLinkSpeed }
    }
}

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// `NET_IF_MEDIA_CONNECT_STATE`: 0 unknown, 1 connected, 2 disconnected.
    pub connect_state: u32,
    /// Bits a second of what is received; `u64::MAX` where unknown.
    pub receive_speed: u64,
}

/// What FilterStatus is told (`NDIS_STATUS_INDICATION`).
pub struct StatusIndication<'call>(&'call NDIS_STATUS_INDICATION);

impl<'call> StatusIndication<'call> {
    /// # Safety
    /// `raw` and its buffer are as NDIS passes them to FilterStatus, for `'call`.
    pub unsafe fn new(raw: &'call NDIS_STATUS_INDICATION) -> Self {
        Self(raw)
    }

    /// The code (`NDIS_STATUS_*`).
    #[must_use]
    pub fn code(&self) -> Status {
        Status::from_raw(self.0.StatusCode)
    }

    /// What the card offers to do with sends from now on, where that is what is indicated
    /// (`NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG`).
    #[must_use]
    pub fn offloads(&self) -> Option<Offloads> {
        if self.0.StatusCode != NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG {
            return None;
        }
        // SAFETY: `new`'s caller vouches for the buffer and its length.
        Some(unsafe { Offloads::from_raw(self.0.StatusBuffer.cast(), self.0.StatusBufferSize as usize) })
    }

    /// The new state of the link, where that is what is indicated (`NDIS_STATUS_LINK_STATE`).
    #[must_use]
    pub fn link(&self) -> Option<LinkState> {
        let holds = self.0.StatusBufferSize as usize >= size_of::<NDIS_LINK_STATE>();
        if self.0.StatusCode != NDIS_STATUS_LINK_STATE || !holds {
            return None;
        }
        let buffer = NonNull::new(self.0.StatusBuffer.cast::<NDIS_LINK_STATE>())?;
        // SAFETY: `new`'s caller vouches for the buffer, and its length says that it holds the struct.
        let state = unsafe { buffer.read_unaligned() };
        Some(LinkState { connect_state: state.MediaConnectState.cast_unsigned(), receive_speed: state.RcvLinkSpeed })
    }
}

/// The text of a string that NDIS passed; empty where there is none.
fn text<'call>(string: *const UNICODE_STRING) -> &'call [u16] {
    // SAFETY: `AttachParameters::new`'s caller vouches for the strings for 'call.
    let Some(string) = (unsafe { string.as_ref() }) else {
        return &[];
    };
    let Some(units) = NonNull::new(string.Buffer) else {
        return &[];
    };
    // SAFETY: the buffer holds `Length` bytes of UTF-16.
    unsafe { slice::from_raw_parts(units.as_ptr(), usize::from(string.Length) / 2) }
}

/// What FilterRestart is told of the adapter (`NDIS_FILTER_RESTART_PARAMETERS`).
pub struct RestartParameters<'call>(&'call NDIS_FILTER_RESTART_PARAMETERS);

impl<'call> RestartParameters<'call> {
    /// # Safety
    /// `raw` and all it points to are as NDIS passes them to FilterRestart, for `'call`.
    pub(crate) unsafe fn new(raw: &'call NDIS_FILTER_RESTART_PARAMETERS) -> Self {
        Self(raw)
    }

    /// The adapter's MTU in bytes, without the Ethernet header, where NDIS says it: a restart may come without
    /// attributes.
    #[must_use]
    pub fn mtu(&self) -> Option<u32> {
        Some(self.general_attributes()?.MtuSize)
    }

    fn general_attributes(&self) -> Option<&'call NDIS_RESTART_GENERAL_ATTRIBUTES> {
        let mut next: *const NDIS_RESTART_ATTRIBUTES = self.0.RestartAttributes;
        // SAFETY: `new`'s caller vouches for the list.
        while let Some(attributes) = unsafe { next.as_ref() } {
            let needed = size_of::<NDIS_RESTART_GENERAL_ATTRIBUTES>();
            if attributes.Oid == OID_GEN_MINIPORT_RESTART_ATTRIBUTES && attributes.DataLength as usize >= needed {
                // The bytes go on beyond the declared one, so the place is computed from the whole entry.
                // SAFETY: the data begins within the entry.
                let data = unsafe { &raw const (*next).Data };
                // SAFETY: NDIS puts the struct there, aligned, and the length says that all of it is.
                return Some(unsafe { &*data.cast() });
            }
            next = attributes.Next;
        }
        None
    }
}
