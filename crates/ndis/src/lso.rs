//! What whoever completes a large send (LSO) writes into the NBL: TCP/IP looks for it in the slot that held the request.
//!
//! Documented at NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO. Contexts: up to DISPATCH_LEVEL, the NBL held.

use core::ptr::NonNull;

use crate::packet::{FrameRef, NblRef};
use crate::status::Status;
use crate::sys::{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO as LargeSend, NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE,
    NET_BUFFER_LIST, TcpLargeSendNetBufferListInfo,
};

/// Writes what whoever completes a send has to write: its status, and the completion of a large send.
pub(crate) fn finish(nbl: &mut NET_BUFFER_LIST, status: Status) {
    nbl.Status = status.into_raw();
    complete(nbl, status);
}

/// Turns the request in the NBL's slot, where there is one, into its completion: version 2 clears all but its type,
/// version 1 says how many bytes of TCP payload were sent, which is none unless `status` is SUCCESS.
fn complete(nbl: &mut NET_BUFFER_LIST, status: Status) {
    let slot = TcpLargeSendNetBufferListInfo as usize;
    let request = LargeSend { Value: nbl.NetBufferListInfo[slot] };
    if request.Value.is_null() {
        return;
    }
    let mut done = request;
    done.set_LsoV2TransmitComplete_Reserved(0);
    done.set_LsoV2TransmitComplete_Reserved2(0);
    if request.Transmit_Type() == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE && status == Status::SUCCESS {
        done.set_LsoV1TransmitComplete_TcpPayload(tcp_payload(nbl, request));
    }
    nbl.NetBufferListInfo[slot] = done.Value;
}

/// The bytes of TCP payload in all frames of the NBL; those of a frame that cannot be read are left out.
fn tcp_payload(nbl: &mut NET_BUFFER_LIST, request: LargeSend) -> u32 {
    let header = request.LsoV1Transmit_TcpHeaderOffset() as usize;
    // SAFETY: the caller holds the NBL, for longer than this view lives.
    let nbl = unsafe { NblRef::new(NonNull::from(nbl)) };
    let payload = |frame: FrameRef<'_>| {
        // The upper half of the byte at 12 is the TCP header's length in words.
        let [words] = frame.read(header + 12).ok()?;
        frame.len().checked_sub(header + usize::from(words >> 4) * 4)
    };
    nbl.frames().filter_map(payload).sum::<usize>() as u32
}
