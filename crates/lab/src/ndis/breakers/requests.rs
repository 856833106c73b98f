//! Rules of OID requests: V32 to V34.

use super::*;

#[test]
fn v32_more_written_than_fits() {
    let oid = |_, request: *mut NDIS_OID_REQUEST| {
        let mut copy: NDIS_OID_REQUEST = raw::read(request);
        copy.DATA.QUERY_INFORMATION.BytesWritten = 7;
        raw::write(request, copy);
        NDIS_STATUS_SUCCESS
    };
    let broken = first_broken_by(Script { oid, ..Script::default() }, |adapter| {
        adapter.oid(OidKind::Query, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
    });
    assert_eq!(broken, "V32");
}

#[test]
fn v33_a_request_kept() {
    let oid = |_, _| NDIS_STATUS_PENDING;
    let broken = first_broken_by(Script { oid, ..Script::default() }, |adapter| {
        adapter.oid(OidKind::Query, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
    });
    assert_eq!(broken, "V33");
}

#[test]
fn v34_requests_completed_twice_or_sent_on_uncloned() {
    let twice = |handle, request| {
        // SAFETY: what is wrong with it is what the judge says.
        unsafe { oid::ndis_f_oid_request_complete(handle, request, NDIS_STATUS_FAILURE) };
        NDIS_STATUS_FAILURE
    };
    let uncloned = |handle, request| {
        // SAFETY: as above.
        unsafe { oid::ndis_f_oid_request(handle, request) }
    };
    for oid in [twice as fn(_, _) -> _, uncloned] {
        let broken = first_broken_by(Script { oid, ..Script::default() }, |adapter| {
            adapter.oid(OidKind::Query, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
        });
        assert_eq!(broken, "V34");
    }
}
