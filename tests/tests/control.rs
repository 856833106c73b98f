//! The control device against bad input: each is refused with its status, and changes nothing.

use nblease_abi::{
    configure::{Configure, MAX_SNAPLEN, MAX_SPILL_BYTES},
    ioctl::{
        ADAPTER_STATE_RUNNING, AdapterList, IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS, IOCTL_QUERY_VERSION, IOCTL_STATS,
        MAX_READ_BYTES, VersionInfo,
    },
    status::NtStatus,
};
use nblease_lab::io::Process;
use nblease_tests::{DEVICE, Program, READ, Rig, configure_input, frame_bytes, seen, send_of};
use zerocopy::FromBytes;

#[test]
fn only_administrators_open_the_device() {
    let rig = Rig::start(1);
    let user = Process::new("user.exe", false);
    assert_eq!(user.open(DEVICE).err(), Some(nt(NtStatus::ACCESS_DENIED)));
    let administrator = Process::new("admin.exe", true);
    assert!(administrator.open(DEVICE).is_ok());
    administrator.kill();
    rig.finish();
}

fn nt(status: NtStatus) -> nblease_abi::NtStatus {
    nblease_abi::NtStatus(status.0)
}

#[test]
fn version_and_adapters_are_told() {
    let rig = Rig::start(2);
    let (a, b) = (rig.adapter("Ethernet"), rig.adapter("Ethernet 2"));
    let program = Program::open();
    let completion = program.handle.ioctl(IOCTL_QUERY_VERSION, &[], size_of::<VersionInfo>()).wait();
    assert_eq!(completion.status, 0);
    let version = VersionInfo::read_from_bytes(&completion.data[..completion.information]).expect("whole");
    assert_eq!((version.abi_version, version.driver), (1, [0, 1, 0]));
    assert_eq!(version.ndis_version >> 16, 6);
    assert!((83..=89).contains(&(version.ndis_version & 0xFFFF)), "{:#x}", version.ndis_version);

    let completion = program.handle.ioctl(IOCTL_LIST_ADAPTERS, &[], 4096).wait();
    let (head, entries) = AdapterList::parse(&completion.data[..completion.information]).expect("well-formed");
    assert_eq!((head.count, head.total), (2, 2));
    for (entry, adapter) in entries.zip([&a, &b]) {
        assert_eq!((entry.net_luid, entry.if_index), (adapter.luid, adapter.if_index));
        assert_eq!((entry.mtu, entry.media_type, entry.state), (1500, 0, ADAPTER_STATE_RUNNING));
        assert_eq!(entry.mac_address(), adapter.config.mac);
        assert!(String::from_utf16_lossy(entry.name_utf16()).contains(&adapter.config.name));
    }

    // Room for one of two, and for none.
    let one = size_of::<AdapterList>() + head.entry_size as usize;
    for (room, count) in [(one, 1), (one - 1, 0)] {
        let completion = program.handle.ioctl(IOCTL_LIST_ADAPTERS, &[], room).wait();
        let (head, _) = AdapterList::parse(&completion.data[..completion.information]).expect("well-formed");
        assert_eq!((head.count, head.total), (count, 2));
    }
    drop(program);
    rig.finish();
}

#[test]
fn a_buffer_that_is_too_short_is_refused() {
    let rig = Rig::start(3);
    let adapter = rig.adapter("Ethernet");
    let program = Program::open();
    let input = configure_input(&Configure::tap(1), &[adapter.luid]);
    for (code, input, output) in [
        (IOCTL_QUERY_VERSION, &[][..], size_of::<VersionInfo>() - 1),
        (IOCTL_QUERY_VERSION, &[], 0),
        (IOCTL_LIST_ADAPTERS, &[], size_of::<AdapterList>() - 1),
        (IOCTL_STATS, &[], 31),
        (IOCTL_STATS, &[], 0),
        (IOCTL_CONFIGURE, &input, 31),
        (IOCTL_CONFIGURE, &input, 0),
        (IOCTL_CONFIGURE, &[], 32),
        (IOCTL_CONFIGURE, &input[..63], 32),
    ] {
        let completion = program.handle.ioctl(code, input, output).wait();
        let what = format!("{code:#x} in {} out {output}", input.len());
        assert_eq!(NtStatus(completion.status), NtStatus::BUFFER_TOO_SMALL, "{what}");
        assert_eq!(completion.information, 0, "{what}");
    }
    // None of them configured the handle.
    assert_eq!(program.configure(&Configure::tap(1), &[adapter.luid]).0, 0);
    drop(program);
    rig.finish();
}

#[test]
fn unknown_requests_are_refused() {
    let rig = Rig::start(4);
    let program = Program::open();
    for code in [0, 1, IOCTL_STATS + 4, IOCTL_STATS ^ 1, IOCTL_QUERY_VERSION ^ 0x4000, 0xFFFF_FFFC] {
        let completion = program.handle.ioctl(code, &[0; 64], 64).wait();
        let status = NtStatus(completion.status);
        assert!(
            [NtStatus::INVALID_DEVICE_REQUEST, NtStatus::BUFFER_TOO_SMALL].contains(&status),
            "{code:#x}: {status:?}"
        );
    }
    drop(program);
    rig.finish();
}

#[test]
fn each_wrong_field_of_a_configuration_is_refused_and_changes_nothing() {
    let rig = Rig::start(5);
    let adapter = rig.adapter("Ethernet");
    let program = Program::open();
    let good = Configure::tap(1);
    let reserved = |at: usize| {
        let mut config = good;
        config.reserved[at] = 1;
        config
    };
    let known = &[adapter.luid][..];
    let cases: &[(&str, Configure, &[u64], NtStatus)] = &[
        ("ABI version", Configure { abi_version: 2, ..good }, known, NtStatus::REVISION_MISMATCH),
        ("flag", Configure { flags: 1 << 31, ..good }, known, NtStatus::NOT_SUPPORTED),
        ("mode", Configure { mode: 9, ..good }, known, NtStatus::NOT_SUPPORTED),
        ("no direction", Configure { directions: 0, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("direction", Configure { directions: 4, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("snaplen 0", Configure { snaplen: 0, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("snaplen", Configure { snaplen: MAX_SNAPLEN + 1, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("timeout", Configure { timeout_ms: 101, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("spill", Configure { spill_bytes: MAX_SPILL_BYTES + 1, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("small spill", Configure { spill_bytes: 1, ..good }, known, NtStatus::INVALID_PARAMETER),
        ("reserved byte", reserved(0), known, NtStatus::INVALID_PARAMETER),
        ("last reserved byte", reserved(15), known, NtStatus::INVALID_PARAMETER),
        ("no adapter", good, &[], NtStatus::INVALID_PARAMETER),
        ("adapter twice", good, &[adapter.luid, adapter.luid], NtStatus::INVALID_PARAMETER),
        ("unknown adapter", good, &[1], NtStatus::NOT_FOUND),
        ("one unknown of two", good, &[adapter.luid, 1], NtStatus::NOT_FOUND),
    ];
    for (what, config, luids, status) in cases {
        let (got, reply) = program.configure(config, luids);
        assert_eq!(NtStatus(got), *status, "{what}");
        assert!(reply.is_none(), "{what}");
        let read = program.handle.read(READ).wait();
        assert_eq!(NtStatus(read.status), NtStatus::DEVICE_NOT_READY, "{what}: still not configured");
    }
    assert_eq!(program.configure(&good, known).0, 0);
    assert_eq!(NtStatus(program.configure(&good, known).0), NtStatus::INVALID_DEVICE_STATE, "a second CONFIGURE");
    drop(program);
    rig.finish();
}

#[test]
fn a_read_of_the_wrong_size_is_refused_and_the_needed_size_is_told() {
    let rig = Rig::start(6);
    let adapter = rig.adapter("Ethernet");
    let program = Program::open();
    let (_, reply) = program.configure(&Configure { snaplen: 1514, ..Configure::tap(1) }, &[adapter.luid]);
    let needed = reply.expect("a reply").needed_read_bytes as usize;
    let (reads, refused) = ([0, 1, needed - 1, MAX_READ_BYTES as usize + 1], 3);
    for length in reads {
        let status = NtStatus(program.handle.read(length).wait().status);
        let expected = match length {
            // KMDF completes a read of no bytes by itself.
            0 => NtStatus::SUCCESS,
            l if l < needed => NtStatus::BUFFER_TOO_SMALL,
            _ => NtStatus::INVALID_PARAMETER,
        };
        assert_eq!(status, expected, "{length} bytes");
    }
    assert_eq!(program.stats().0.reads_refused, refused);
    // The shortest that is accepted holds the largest record.
    assert_eq!(program.handle.read(needed).wait().status, 0, "the description");
    let read = program.handle.read(needed);
    adapter.send(&[send_of(frame_bytes(1514, 1))], 0);
    rig.kernel.sched.pump();
    let completion = read.try_result().expect("completed");
    assert_eq!(seen(&completion.data[..completion.information])[0].bytes.len(), 1514);
    drop(program);
    rig.finish();
}
