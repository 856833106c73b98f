//! The functions that drivers call on NBs, NBLs, timers, locks and the like: what each does to its arguments.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use nblease_ndis::sys::*;

use super::{testing::*, *};
use crate::{
    kernel::one_at_a_time,
    memory::{Access, Kind, Span},
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

fn no_violations() {
    let verdict = kernel().judge.verdict();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
}

/// An NBL of one frame, cut as given and open to the driver.
fn opened(bytes: &[u8], layout: Layout) -> (build::Built, raw::Nb) {
    let dressing = build::Dressing {
        oob: &Oob::default(),
        nbl_flags: 0,
        source: std::ptr::null_mut(),
        pool: std::ptr::null_mut(),
    };
    let built = build::nbl(&[Frame::new(bytes).cut(layout)], &dressing);
    built.descriptor.open(Access::ReadWrite);
    built.payload.open(Access::ReadWrite);
    let nb = raw::Nb::at(raw::Nbl::at(built.nbl).expect("an NBL").first_nb()).expect("an NB");
    (built, nb)
}

/// Driver's address of the NB.
fn nb_of(built: &build::Built) -> *mut NET_BUFFER {
    raw::Nbl::at(built.nbl).expect("an NBL").first_nb()
}

/// Memory of the driver's.
fn storage(bytes: usize) -> Span {
    let span = kernel().memory.alloc(Kind::Descriptor, bytes);
    span.open(Access::ReadWrite);
    span
}

fn bytes_at(at: *const u8, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    raw::read_bytes(at, &mut bytes);
    bytes
}

fn get(nb: *mut NET_BUFFER, bytes: u32, storage: *mut u8, multiple: u32, offset: u32) -> *mut u8 {
    // SAFETY: as a driver would.
    unsafe { data::get_data_buffer(nb, bytes, storage.cast(), multiple, offset) }.cast()
}

#[test]
fn data_is_found_where_it_lies_or_copied() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let frame: Vec<u8> = (0..100).collect();
    let (built, nb) = opened(&frame, Layout::pieces(&[7, 0, 30, 100], 9));
    let (nb, storage) = (nb_of(&built), {
        assert_eq!(nb.current_mdl_offset(), 2);
        storage(100)
    });
    let at = get(nb, 28, std::ptr::null_mut(), 1, 0);
    assert_eq!(bytes_at(at, 28), frame[..28], "contiguous: where it lies");
    assert!(get(nb, 29, std::ptr::null_mut(), 1, 0).is_null(), "not contiguous, no storage");
    assert_eq!(get(nb, 29, storage.driver(), 1, 0), storage.driver());
    assert_eq!(bytes_at(storage.driver(), 29), frame[..29]);
    assert!(get(nb, 101, storage.driver(), 1, 0).is_null(), "more than there is");
    let wrong = (at.addr() as u32 + 1) % 4;
    assert_eq!(get(nb, 4, storage.driver(), 4, wrong), storage.driver(), "not aligned: copied");
    no_violations();
}

#[test]
fn advance_and_retreat_keep_the_data_and_its_place() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let frame: Vec<u8> = (0..100).collect();
    let (built, view) = opened(&frame, Layout::pieces(&[20, 30, 60], 10));
    let nb = nb_of(&built);
    for step in [0, 5, 10, 45, 100] {
        // SAFETY: as a driver would.
        unsafe { data::advance_nb(nb, step, 0, None) };
        assert_eq!(raw::frame(view).as_deref(), Ok(&frame[step as usize..]), "advanced by {step}");
        // SAFETY: as a driver would.
        let status = unsafe { data::retreat_nb(nb, step, 0, None) };
        assert_eq!(status, NDIS_STATUS_SUCCESS);
        assert_eq!(raw::frame(view).as_deref(), Ok(frame.as_slice()));
    }
    // SAFETY: as a driver would.
    let status = unsafe { data::retreat_nb(nb, 50, 16, None) };
    assert_eq!((status, view.data_offset(), view.data_length()), (NDIS_STATUS_SUCCESS, 16, 150));
    let grown = raw::frame(view).expect("whole");
    assert_eq!(grown[50..], frame, "40 bytes of a new MDL and 10 of backfill before the data");
    // SAFETY: as a driver would.
    unsafe { data::advance_nb(nb, 50, 1, None) };
    assert_eq!((view.data_offset(), raw::frame(view).as_deref()), (10, Ok(frame.as_slice())), "the new MDL is gone");
    no_violations();
}

#[test]
fn bytes_go_from_nb_to_nb() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let (from, _) = opened(&(0..100).collect::<Vec<_>>(), Layout::pieces(&[33, 33, 60], 5));
    let (to, view) = opened(&[0; 50], Layout::pieces(&[9, 8, 60], 3));
    let copied = storage(4);
    let count = copied.driver().cast();
    let go = |to_offset, bytes, from_offset| {
        // SAFETY: as a driver would.
        let status = unsafe { data::copy(nb_of(&to), to_offset, bytes, nb_of(&from), from_offset, count) };
        assert_eq!(status, NDIS_STATUS_SUCCESS);
        raw::read::<u32>(count)
    };
    assert_eq!(go(10, 20, 30), 20);
    assert_eq!(raw::frame(view).expect("whole")[10..30], (30..50).collect::<Vec<u8>>());
    assert_eq!(go(0, 20, 90), 10, "the source ends");
    assert_eq!(go(70, 20, 0), 4, "the target's MDLs end");
    no_violations();
}

#[test]
fn clones_share_the_data() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let frame: Vec<u8> = (0..100).collect();
    let (built, _) = opened(&frame, Layout::pieces(&[33, 0, 33, 60], 5));
    let id = driver("test.sys");
    for flags in [0, 2] {
        let clone = as_driver(id, || {
            let none = std::ptr::null_mut();
            // SAFETY: as a driver would.
            unsafe { derived::allocate_clone(built.nbl, none, none, flags) }
        });
        let nbl = raw::Nbl::at(clone).expect("a clone");
        let nb = raw::Nb::at(nbl.first_nb()).expect("its NB");
        assert_eq!(raw::frame(nb).as_deref(), Ok(frame.as_slice()));
        let first = raw::parts(nb.mdl_chain(), nb.data_offset() as usize, 100)[0].0;
        raw::write(first, 200_u8);
        assert_eq!(raw::frame(raw::Nb::at(nb_of(&built)).expect("an NB")).expect("whole")[0], 200, "the same bytes");
        raw::write(first, 0_u8);
        as_driver(id, || {
            // SAFETY: as a driver would.
            unsafe { derived::free_clone(clone, flags) };
        });
    }
    driver::on_unloaded(id);
    no_violations();
}

#[test]
fn locks_raise_and_let_readers_in_again() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let id = driver("test.sys");
    let states = storage(16);
    let state = |n: usize| states.driver().wrapping_add(n * size_of::<LOCK_STATE_EX>()).cast();
    as_driver(id, || {
        // SAFETY: as a driver would, here and below.
        let at = unsafe { rwlock::allocate_rw_lock(std::ptr::null_mut()) };
        // SAFETY: as above.
        unsafe { rwlock::acquire_read(at, state(0), 0) };
        assert_eq!(thread::irql(), DISPATCH_LEVEL);
        // SAFETY: as above.
        unsafe { rwlock::acquire_read(at, state(1), 1) };
        // SAFETY: as above.
        unsafe { rwlock::release(at, state(1)) };
        assert_eq!(thread::irql(), DISPATCH_LEVEL);
        // SAFETY: as above.
        unsafe { rwlock::release(at, state(0)) };
        assert_eq!(thread::irql(), PASSIVE_LEVEL);
        // SAFETY: as above.
        unsafe { rwlock::acquire_write(at, state(0), 0) };
        // SAFETY: as above.
        unsafe { rwlock::release(at, state(0)) };
        // SAFETY: as above.
        unsafe { rwlock::free_rw_lock(at) };
    });
    driver::on_unloaded(id);
    no_violations();
}

static FIRED: AtomicU32 = AtomicU32::new(0);

unsafe extern "efiapi" fn fired(_: PVOID, context: PVOID, _: PVOID, _: PVOID) {
    assert_eq!(thread::irql(), DISPATCH_LEVEL);
    FIRED.fetch_add(context.addr() as u32, Ordering::SeqCst);
}

#[test]
fn timers_fire_when_due_and_not_when_cancelled() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    FIRED.store(0, Ordering::SeqCst);
    let id = driver("test.sys");
    let mut characteristics = NDIS_TIMER_CHARACTERISTICS {
        Header: attach::header(NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, size_of::<NDIS_TIMER_CHARACTERISTICS>()),
        AllocationTag: 1,
        TimerFunction: Some(fired),
        FunctionContext: std::ptr::without_provenance_mut(1),
    };
    let relative_ms = |ms: i64| LARGE_INTEGER { QuadPart: -ms * 10_000 };
    as_driver(id, || {
        let mut at: NDIS_HANDLE = std::ptr::null_mut();
        // SAFETY: as a driver would, here and below.
        let status = unsafe { timer::allocate_timer(at, &raw mut characteristics, &raw mut at) };
        assert_eq!(status, NDIS_STATUS_SUCCESS);
        let none = std::ptr::null_mut();
        // SAFETY: as above.
        assert_eq!(unsafe { timer::set_timer(at, relative_ms(10), 0, none) }, 0);
        kernel().sched.advance(9_999_999);
        assert_eq!(FIRED.load(Ordering::SeqCst), 0);
        // SAFETY: as above.
        assert_eq!(unsafe { timer::set_timer(at, relative_ms(5), 0, std::ptr::without_provenance_mut(100)) }, 1);
        kernel().sched.advance(5_000_000);
        assert_eq!(FIRED.load(Ordering::SeqCst), 100);
        // SAFETY: as above.
        assert_eq!(unsafe { timer::set_timer(at, relative_ms(1), 1, none) }, 0);
        kernel().sched.advance(3_500_000);
        assert_eq!(FIRED.load(Ordering::SeqCst), 103);
        // SAFETY: as above.
        assert_eq!(unsafe { timer::cancel_timer(at) }, 1);
        kernel().sched.advance(10_000_000);
        assert_eq!(FIRED.load(Ordering::SeqCst), 103);
        // SAFETY: as above.
        unsafe { timer::free_timer(at) };
    });
    driver::on_unloaded(id);
    no_violations();
}

#[test]
fn events_and_sleep_pass_time() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let id = driver("test.sys");
    let memory = storage(size_of::<NDIS_EVENT>());
    let event: *mut NDIS_EVENT = memory.driver().cast();
    as_driver(id, || {
        let start = kernel().clock.now_ns();
        // SAFETY: as a driver would, here and below.
        unsafe { services::initialize_event(event) };
        // SAFETY: as above.
        assert_eq!(unsafe { services::wait_event(event, 20) }, 0);
        assert_eq!(kernel().clock.now_ns() - start, 20_000_000);
        let at = event.expose_provenance();
        let set = move || {
            // SAFETY: as above.
            unsafe { services::set_event(std::ptr::with_exposed_provenance_mut(at)) };
        };
        kernel().sched.set_timer(5_000_000, 0, Box::new(set));
        // SAFETY: as above.
        assert_eq!(unsafe { services::wait_event(event, 0) }, 1);
        assert_eq!(kernel().clock.now_ns() - start, 25_000_000);
        // SAFETY: as above.
        unsafe { services::sleep(1000) };
        assert_eq!(kernel().clock.now_ns() - start, 26_000_000);
    });
    no_violations();
}

/// OID requests that a filter was given and has not completed.
static REQUESTS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

#[test]
fn a_filter_has_one_request_at_a_time() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    lock(&REQUESTS).clear();
    let oid = |_, request: *mut NDIS_OID_REQUEST| {
        lock(&REQUESTS).push(request.expose_provenance());
        NDIS_STATUS_PENDING
    };
    let filter = filter(Script { oid, ..Script::default() });
    let adapter = adapter();
    let module = adapter.modules().pop().expect("the filter's module");
    // Answers one after the other, as long as there are any.
    let handle = module.handle;
    let answer = move || {
        let given = std::mem::take(&mut *lock(&REQUESTS));
        assert!(given.len() <= 1, "{} requests at a time", given.len());
        for request in given {
            as_driver(filter_id(handle), || {
                let handle = std::ptr::without_provenance_mut(handle);
                let request = std::ptr::with_exposed_provenance_mut(request);
                // SAFETY: as a driver would.
                unsafe { oid::ndis_f_oid_request_complete(handle, request, NDIS_STATUS_NOT_SUPPORTED) };
            });
        }
    };
    kernel().sched.set_timer(1_000_000, 1_000_000, Box::new(answer));
    let inner = adapter.clone();
    let second: Arc<Mutex<Option<OidReply>>> = Arc::default();
    let into = second.clone();
    kernel().sched.queue_work(Box::new(move || {
        *lock(&into) = Some(inner.oid(OidKind::Query, OID_GEN_STATISTICS, &[0; 8]));
    }));
    let first = adapter.oid(OidKind::Query, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
    kernel().sched.advance(5_000_000);
    assert_eq!(first.status, NDIS_STATUS_NOT_SUPPORTED);
    assert_eq!(lock(&second).as_ref().map(|reply| reply.status), Some(NDIS_STATUS_NOT_SUPPORTED));
    filter.unload();
    no_violations();
}

fn filter_id(handle: usize) -> crate::kernel::DriverId {
    let module = kernel().ndis.module("a test", std::ptr::without_provenance_mut(handle));
    module.expect("a module").driver.id
}

static BYPASSED: AtomicU32 = AtomicU32::new(0);
static SEEN: AtomicU32 = AtomicU32::new(0);

#[test]
fn handlers_change_at_a_restart_that_the_filter_asks_for() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    BYPASSED.store(0, Ordering::SeqCst);
    SEEN.store(0, Ordering::SeqCst);
    let set = |handle| {
        let mut partial: NDIS_FILTER_PARTIAL_CHARACTERISTICS = attach::blank();
        partial.Header = attach::header(
            NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
            1,
            size_of::<NDIS_FILTER_PARTIAL_CHARACTERISTICS>(),
        );
        if BYPASSED.load(Ordering::SeqCst) == 0 {
            let c = characteristics();
            partial.SendNetBufferListsHandler = c.SendNetBufferListsHandler;
            partial.SendNetBufferListsCompleteHandler = c.SendNetBufferListsCompleteHandler;
        }
        // SAFETY: as a driver would.
        unsafe { control::ndis_set_optional_handlers(handle, (&raw mut partial).cast()) }
    };
    let send = |handle, list, port, flags| {
        SEEN.fetch_add(1, Ordering::SeqCst);
        send_if_running(handle, list, port, flags);
    };
    let filter = filter(Script { set_module_options: Some(set), send, ..Script::default() });
    let adapter = adapter();
    let go = || assert!(adapter.send(&[SendNbl::new([Frame::new(vec![1; 60])])], 0));
    go();
    assert_eq!(SEEN.load(Ordering::SeqCst), 1);
    BYPASSED.store(1, Ordering::SeqCst);
    go();
    assert_eq!(SEEN.load(Ordering::SeqCst), 2, "not before a restart");
    let module = adapter.modules().pop().expect("the filter's module");
    as_driver(filter.id, || {
        // SAFETY: as a driver would.
        unsafe { control::ndis_f_restart_filter(module.ndis_handle()) }
    });
    kernel().sched.pump();
    assert_eq!(adapter.module_states(), [ModuleState::Running]);
    go();
    kernel().sched.pump();
    assert_eq!(SEEN.load(Ordering::SeqCst), 2, "bypassed");
    assert_eq!(adapter.counts().reached_miniport, 3);
    filter.unload();
    no_violations();
}

#[test]
fn statuses_and_events_reach_the_ends() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let filters = [filter(Script::default()), filter(Script::default())];
    let adapter = adapter();
    adapter.indicate_status(NDIS_STATUS_LINK_SPEED_CHANGE, &[1, 2, 3]);
    assert_eq!(adapter.net_pnp_event(NetEventSetPower, &[4]), NDIS_STATUS_SUCCESS);
    adapter.device_pnp_event(NdisDevicePnPEventSurpriseRemoved);
    let expected = [
        Event::Status(NDIS_STATUS_LINK_SPEED_CHANGE, vec![1, 2, 3]),
        Event::NetPnP(NetEventSetPower),
        Event::DevicePnP(NdisDevicePnPEventSurpriseRemoved),
    ];
    assert_eq!(adapter.take_events(), expected);
    filters.iter().for_each(TestFilter::unload);
    no_violations();
}

#[test]
fn a_failed_restart_detaches_the_filter_and_the_rest_runs() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let good = filter(Script::default());
    let bad = filter(Script { restart: |_| NDIS_STATUS_RESOURCES, ..Script::default() });
    let adapter = adapter();
    assert_eq!(adapter.module_states(), [ModuleState::Running]);
    assert!(adapter.send(&[SendNbl::new([Frame::new(vec![1; 60])])], 0));
    good.unload();
    bad.unload();
    no_violations();
}

#[test]
fn a_failed_attach_leaves_the_rest_running() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let bad = filter(Script { attach: |_| NDIS_STATUS_RESOURCES, ..Script::default() });
    let adapter = adapter();
    assert_eq!(adapter.module_states(), []);
    assert!(adapter.is_running());
    bad.unload();
    no_violations();
}

#[test]
fn a_card_says_what_medium_it_has() {
    let _one = one_at_a_time();
    crate::kernel::Kernel::install(crate::clock::Mode::Virtual, 1);
    for (medium, physical) in [(0, 14), (NdisMediumNative802_11, 9), (NdisMediumLoopback, 0)] {
        let adapter = Adapter::plug(AdapterConfig { medium, ..AdapterConfig::default() });
        let word = |oid| adapter.oid(OidKind::Query, oid, &[0; 4]).data;
        assert_eq!(word(OID_GEN_MEDIA_IN_USE), medium.to_le_bytes());
        assert_eq!(word(OID_GEN_PHYSICAL_MEDIUM), i32::to_le_bytes(physical));
    }
}
