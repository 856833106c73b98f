//! Rules of the states: V01 to V11.

use super::*;

#[test]
fn v01_a_pause_that_never_completes() {
    let script = Script { pause: |_| NDIS_STATUS_PENDING, ..Script::default() };
    assert_eq!(first_broken_by(script, Adapter::pause), "V01");
}

#[test]
fn v01_a_pause_that_completes_in_time_is_none() {
    fn pause(handle: NDIS_HANDLE) -> NDIS_STATUS {
        let handle = handle.expose_provenance();
        let complete = move || {
            // SAFETY: as a driver would.
            unsafe { control::ndis_f_pause_complete(std::ptr::with_exposed_provenance_mut(handle)) }
        };
        kernel().sched.set_timer(9_000_000_000, 0, Box::new(complete));
        NDIS_STATUS_PENDING
    }
    let script = Script { pause, ..Script::default() };
    assert_eq!(first_broken_by(script, Adapter::pause), "");
}

#[test]
fn v02_a_pause_that_fails() {
    let script = Script { pause: |_| NDIS_STATUS_FAILURE, ..Script::default() };
    assert_eq!(first_broken_by(script, Adapter::pause), "V02");
}

#[test]
fn v03_a_pause_completed_twice() {
    fn pause(handle: NDIS_HANDLE) -> NDIS_STATUS {
        // SAFETY: as a driver would.
        unsafe { control::ndis_f_pause_complete(handle) };
        NDIS_STATUS_SUCCESS
    }
    let script = Script { pause, ..Script::default() };
    assert_eq!(first_broken_by(script, Adapter::pause), "V03");
}

#[test]
fn v05_a_receive_kept_over_a_pause() {
    let script = Script { receive: |_, list, _, _, _| keep(list), ..Script::default() };
    let broken = first_broken_by(script, |adapter| {
        receive(adapter);
        adapter.pause();
    });
    assert_eq!(broken, "V05");
}

#[test]
fn v06_a_pool_left_at_the_unload() {
    let script = Script {
        attach: |handle| {
            nbl_pool(handle);
            NDIS_STATUS_SUCCESS
        },
        ..Script::default()
    };
    assert_eq!(first_broken_by(script, |_| {}), "V06");
}

#[test]
fn v06_a_failed_attach_that_leaves_a_pool() {
    let script = Script {
        attach: |handle| {
            nbl_pool(handle);
            NDIS_STATUS_RESOURCES
        },
        ..Script::default()
    };
    assert_eq!(first_broken_by(script, |_| {}), "V06");
}

#[test]
fn v07_a_status_from_attach() {
    fn attach(handle: NDIS_HANDLE) -> NDIS_STATUS {
        let mut indication: NDIS_STATUS_INDICATION = attach::blank();
        // SAFETY: as a driver would.
        unsafe { status::ndis_f_indicate_status(handle, &raw mut indication) };
        NDIS_STATUS_FAILURE
    }
    assert_eq!(first_broken_by(Script { attach, ..Script::default() }, |_| {}), "V07");
}

#[test]
fn v07_optional_handlers_set_out_of_turn() {
    fn restart(handle: NDIS_HANDLE) -> NDIS_STATUS {
        let mut partial: NDIS_FILTER_PARTIAL_CHARACTERISTICS = attach::blank();
        partial.Header = NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS as u8,
            Revision: NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1 as u8,
            Size: NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
        };
        // SAFETY: as a driver would.
        unsafe { control::ndis_set_optional_handlers(handle, (&raw mut partial).cast()) };
        NDIS_STATUS_SUCCESS
    }
    assert_eq!(first_broken_by(Script { restart, ..Script::default() }, |_| {}), "V07");
}

#[test]
fn v08_unloaded_while_registered() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    kernel().judge.stop_at_first(false);
    let filter = filter(Script::default());
    driver::on_unloaded(filter.id);
    let violations = kernel().judge.verdict().violations;
    assert_eq!(violations.first().map(|v| v.rule.as_str()), Some("V08"));
    filter.unload();
}

/// What registration with changed characteristics comes to: its status, and the rules that broke.
fn register(change: impl FnOnce(&mut NDIS_FILTER_DRIVER_CHARACTERISTICS)) -> (NDIS_STATUS, Vec<String>) {
    let _one = one_at_a_time();
    virtual_kernel(1);
    kernel().judge.stop_at_first(false);
    let id = driver("test.sys");
    kernel().ndis.set_inf(
        id,
        Inf { net_cfg_instance_id: "{5CBF81BD-5055-47CD-9055-A76B2B4E3697}".to_owned(), service: "test".to_owned() },
    );
    let mut c = characteristics();
    change(&mut c);
    let mut handle: NDIS_HANDLE = std::ptr::null_mut();
    let object: *mut DRIVER_OBJECT = std::ptr::without_provenance_mut(8);
    let status = as_driver(id, || {
        // SAFETY: as a driver would, with structures that outlive the call.
        unsafe { driver::ndis_f_register_filter_driver(object, std::ptr::null_mut(), &raw mut c, &raw mut handle) }
    });
    let violations = kernel().judge.verdict().violations;
    (status, violations.into_iter().map(|violation| violation.rule).collect())
}

#[test]
fn v10_characteristics_of_the_wrong_shape() {
    let refused = (NDIS_STATUS_BAD_CHARACTERISTICS, vec!["V10".to_owned()]);
    assert_eq!(register(|_| {}), (NDIS_STATUS_SUCCESS, Vec::new()));
    assert_eq!(register(|c| c.Header.Size -= 8), refused);
    assert_eq!(register(|c| c.Header.Type += 1), refused);
    assert_eq!(register(|c| c.Header.Revision = 4), refused);
    assert_eq!(register(|c| c.PauseHandler = None), refused);
    assert_eq!(register(|c| c.StatusHandler = None), refused);
    assert_eq!(register(|c| c.OidRequestHandler = None), refused);
}

#[test]
fn a_version_above_the_running_one_is_refused() {
    assert_eq!(register(|c| c.MinorNdisVersion = 88), (NDIS_STATUS_BAD_VERSION, Vec::new()));
    assert_eq!(register(|c| c.MinorNdisVersion = 87), (NDIS_STATUS_SUCCESS, Vec::new()));
}

#[test]
fn v11_names_that_are_not_the_infs() {
    let (status, broken) = register(|c| c.ServiceName = c.FriendlyName);
    assert_eq!((status, broken.as_slice()), (NDIS_STATUS_SUCCESS, &["V11".to_owned()][..]));
}
