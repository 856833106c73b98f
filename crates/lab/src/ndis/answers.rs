//! What the miniport answers to OID requests.

use std::sync::Arc;

use nblease_ndis::sys::{
    NDIS_OBJECT_TYPE_DEFAULT, NDIS_OID_REQUEST, NDIS_STATISTICS_INFO, NDIS_STATUS, NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS, NdisRequestMethod, NdisRequestSetInformation,
    OID_802_3_CURRENT_ADDRESS, OID_802_3_PERMANENT_ADDRESS, OID_GEN_CURRENT_LOOKAHEAD, OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_MAXIMUM_FRAME_SIZE, OID_GEN_MAXIMUM_TOTAL_SIZE, OID_GEN_MEDIA_IN_USE, OID_GEN_MEDIA_SUPPORTED,
    OID_GEN_PHYSICAL_MEDIUM, OID_GEN_PHYSICAL_MEDIUM_EX, OID_GEN_STATISTICS, OID_TCP_OFFLOAD_CURRENT_CONFIG,
};

use super::{
    adapter::Adapter,
    attach::{blank, header, physical_medium},
    raw::{self},
};

/// The first byte of OIDs that each card defines for itself.
const OID_PRIVATE: u32 = 0xff;
/// Bytes of an Ethernet header.
const ETHERNET_HEADER: u32 = 14;

/// Answers a request: its status; results are in the request.
pub fn answer(adapter: &Arc<Adapter>, at: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
    let mut request: NDIS_OID_REQUEST = raw::read(at);
    if request.RequestType == NdisRequestMethod {
        return method(at, request);
    }
    // SAFETY: a query's view of the union, whose fields are integers; a set's begins alike.
    let mut query = unsafe { request.DATA.QUERY_INFORMATION };
    let mut given = vec![0; query.InformationBufferLength as usize];
    raw::read_bytes(query.InformationBuffer.cast(), &mut given);
    let set = request.RequestType == NdisRequestSetInformation;
    let custom = adapter.miniport.answer().and_then(|answer| answer(query.Oid, &given));
    let (status, data) = custom.unwrap_or_else(|| known(adapter, query.Oid, set));
    if set {
        // BytesRead lies where a query has BytesWritten.
        query.BytesWritten = if status == NDIS_STATUS_SUCCESS { query.InformationBufferLength } else { 0 };
    } else if data.len() > given.len() {
        query.BytesNeeded = data.len() as u32;
        query.BytesWritten = 0;
        request.DATA.QUERY_INFORMATION = query;
        raw::write(at, request);
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    } else {
        raw::write_bytes(query.InformationBuffer.cast(), &data);
        query.BytesWritten = data.len() as u32;
    }
    request.DATA.QUERY_INFORMATION = query;
    request.SupportedRevision = 1;
    raw::write(at, request);
    status
}

/// A method, of which there are none but the card's own: those change nothing.
fn method(at: *mut NDIS_OID_REQUEST, mut request: NDIS_OID_REQUEST) -> NDIS_STATUS {
    // SAFETY: a method's view of the union, whose fields are integers and a pointer.
    let mut method = unsafe { request.DATA.METHOD_INFORMATION };
    if method.Oid >> 24 != OID_PRIVATE {
        return NDIS_STATUS_NOT_SUPPORTED;
    }
    method.BytesRead = method.InputBufferLength;
    method.BytesWritten = method.InputBufferLength.min(method.OutputBufferLength);
    request.DATA.METHOD_INFORMATION = method;
    request.SupportedRevision = 1;
    raw::write(at, request);
    NDIS_STATUS_SUCCESS
}

fn known(adapter: &Adapter, oid: u32, set: bool) -> (NDIS_STATUS, Vec<u8>) {
    let config = &adapter.config;
    let word = |value: u32| value.to_le_bytes().to_vec();
    let data = match oid {
        OID_GEN_CURRENT_PACKET_FILTER | OID_GEN_CURRENT_LOOKAHEAD if set => Vec::new(),
        _ if set => return (NDIS_STATUS_NOT_SUPPORTED, Vec::new()),
        OID_GEN_CURRENT_PACKET_FILTER => word(0x0b),
        OID_GEN_CURRENT_LOOKAHEAD | OID_GEN_MAXIMUM_FRAME_SIZE => word(config.mtu),
        OID_GEN_MAXIMUM_TOTAL_SIZE => word(config.mtu + ETHERNET_HEADER),
        OID_802_3_CURRENT_ADDRESS | OID_802_3_PERMANENT_ADDRESS => config.mac.to_vec(),
        OID_GEN_STATISTICS => statistics(),
        OID_GEN_MEDIA_SUPPORTED | OID_GEN_MEDIA_IN_USE => word(config.medium.cast_unsigned()),
        OID_GEN_PHYSICAL_MEDIUM | OID_GEN_PHYSICAL_MEDIUM_EX => word(physical_medium(config.medium).cast_unsigned()),
        OID_TCP_OFFLOAD_CURRENT_CONFIG => adapter.miniport.offloads().bytes().to_vec(),
        _ => return (NDIS_STATUS_NOT_SUPPORTED, Vec::new()),
    };
    (NDIS_STATUS_SUCCESS, data)
}

fn statistics() -> Vec<u8> {
    let mut info: NDIS_STATISTICS_INFO = blank();
    info.Header = header(NDIS_OBJECT_TYPE_DEFAULT, 1, size_of::<NDIS_STATISTICS_INFO>());
    let mut bytes = vec![0; size_of::<NDIS_STATISTICS_INFO>()];
    raw::read_bytes((&raw const info).cast(), &mut bytes);
    bytes
}
