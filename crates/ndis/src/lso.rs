//! What whoever completes a large send (LSO) writes into the NBL: TCP/IP looks for it in the slot that held the request.
//!
//! Documented at NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO. Contexts: up to DISPATCH_LEVEL, the NBL held.

use core::ptr::NonNull;

use crate::mdl::DataError;
use crate::packet::{FrameRef, NblRef};
use crate::status::Status;
use crate::sys::{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO as LargeSend, NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE,
    NET_BUFFER_LIST, TcpLargeSendNetBufferListInfo,
};

/// Writes what whoever completes a send has to write: its status, and the completion of a large send.
///
/// A large send whose frames cannot be mapped, so that what was sent cannot be told, ends with `NDIS_STATUS_RESOURCES` in
/// place of SUCCESS: TCP sends it again.
pub(crate) fn finish(nbl: &mut NET_BUFFER_LIST, status: Status) {
    nbl.Status = complete(nbl, status).into_raw();
}

/// Turns the request in the NBL's slot, where there is one, into its completion: version 2 clears all but its type,
/// version 1 says how many bytes of TCP payload were sent, which is none unless the status is SUCCESS. The status.
fn complete(nbl: &mut NET_BUFFER_LIST, status: Status) -> Status {
    let slot = TcpLargeSendNetBufferListInfo as usize;
    let request = LargeSend { Value: nbl.NetBufferListInfo[slot] };
    if request.Value.is_null() {
        return status;
    }
    let mut done = request;
    done.set_LsoV2TransmitComplete_Reserved(0);
    done.set_LsoV2TransmitComplete_Reserved2(0);
    let mut ended = status;
    if request.Transmit_Type() == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE && status == Status::SUCCESS {
        match tcp_payload(nbl, request) {
            Ok(bytes) => done.set_LsoV1TransmitComplete_TcpPayload(bytes),
            Err(_) => ended = Status::RESOURCES,
        }
    }
    nbl.NetBufferListInfo[slot] = done.Value;
    ended
}

/// The bytes of TCP payload in all frames of the NBL, of which those without a whole TCP header have none.
#[cold]
fn tcp_payload(nbl: &mut NET_BUFFER_LIST, request: LargeSend) -> Result<u32, DataError> {
    let header = request.LsoV1Transmit_TcpHeaderOffset() as usize;
    // SAFETY: the caller holds the NBL, for longer than this view lives.
    let nbl = unsafe { NblRef::new(NonNull::from(nbl)) };
    let payload = |frame: FrameRef<'_>| match frame.read(header + 12) {
        // The upper half of the byte at 12 is the TCP header's length in words.
        Ok([words]) => Ok(frame.len().saturating_sub(header + usize::from(words >> 4) * 4)),
        Err(DataError::Short) => Ok(0),
        Err(error) => Err(error),
    };
    let bytes = nbl.frames().map(payload).sum::<Result<usize, _>>()?;
    Ok(bytes as u32)
}
