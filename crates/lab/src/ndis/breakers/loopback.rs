//! Looped-back receives: V49.

use super::*;

/// A filter that keeps a receive which NDIS looped back, and returns it when it pauses.
fn keeping() -> Script {
    Script {
        receive: |_, list, _, _, _| keep(list),
        pause: |handle| {
            if let Some(list) = kept() {
                pass_return(handle, list, 0);
            }
            NDIS_STATUS_SUCCESS
        },
        ..Script::default()
    }
}

fn loop_back(adapter: &Arc<Adapter>) {
    let receive = RecvNbl { nbl_flags: NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, ..RecvNbl::new(frame()) };
    adapter.receive(&[receive], 0);
}

#[test]
fn v49_a_looped_back_receive_kept() {
    assert_eq!(first_broken_by(keeping(), loop_back), "V49");
}

#[test]
fn a_looped_back_receive_may_be_kept_where_a_program_asked_for_such() {
    let broken = first_broken_by(keeping(), |adapter| {
        kernel().ndis.loopback_is_asked_for();
        loop_back(adapter);
    });
    assert_eq!(broken, "");
}

#[test]
fn another_receive_may_be_kept() {
    let broken = first_broken_by(keeping(), |adapter| {
        adapter.receive(&[RecvNbl::new(frame())], 0);
    });
    assert_eq!(broken, "");
}
