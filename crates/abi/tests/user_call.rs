//! Frames of the lab's socket: what is encoded is what is parsed, and nothing else is accepted.

use nblease_abi::NtStatus;
use nblease_abi::ioctl::DEVICE_NAME_WIN32;
use nblease_abi::user_call::{Encoded, FrameError, FrameHeader, MAX_BODY, Reply, Request};
use proptest::prelude::*;

/// What goes over the wire, as a header and a body again.
fn sent(encoded: Encoded<'_>) -> (FrameHeader, Vec<u8>) {
    let bytes = [encoded.head(), encoded.tail].concat();
    let (header, body) = bytes.split_first_chunk().unwrap();
    let header = FrameHeader::parse(header).unwrap();
    assert_eq!(header.len as usize, body.len());
    (header, body.to_vec())
}

proptest! {
    #[test]
    fn requests_survive(id in any::<u64>(), (a, b) in any::<(u32, u32)>(), data in any::<Vec<u8>>()) {
        for request in [
            Request::Open { name: DEVICE_NAME_WIN32 },
            Request::Close,
            Request::Ioctl { code: a, output_len: b, input: &data },
            Request::Read { len: a },
            Request::Cancel,
        ] {
            let (header, body) = sent(request.encode(id).unwrap());
            prop_assert_eq!(header.id, id);
            prop_assert_eq!(Request::parse(header.kind, &body), Ok(request));
            prop_assert_eq!(Reply::parse(header.kind, &body), Err(FrameError));
        }
    }

    #[test]
    fn replies_survive(id in any::<u64>(), status in any::<u32>(), data in any::<Vec<u8>>()) {
        let information = data.len() as u64 + u64::from(status >> 31);
        let reply = Reply { status: NtStatus(status), information, data: &data };
        let (header, body) = sent(reply.encode(id).unwrap());
        prop_assert_eq!(header.id, id);
        prop_assert_eq!(Reply::parse(header.kind, &body), Ok(reply));
        prop_assert_eq!(Request::parse(header.kind, &body), Err(FrameError));
    }

    #[test]
    fn noise_is_never_a_panic(kind in 0..0x90_u16, body in any::<Vec<u8>>(), head in any::<[u8; 16]>()) {
        let _ = Request::parse(kind, &body);
        let _ = Reply::parse(kind, &body);
        if let Ok(header) = FrameHeader::parse(&head) {
            prop_assert!(header.len as usize <= MAX_BODY);
        }
    }
}

#[test]
fn what_a_message_cannot_be_is_refused() {
    let kind = |request: Request<'_>| request.encode(1).map(sent).unwrap().0.kind;
    let read = kind(Request::Read { len: 0 });
    let ioctl = kind(Request::Ioctl { code: 0, output_len: 0, input: &[] });
    let open = kind(Request::Open { name: "" });
    for (kind, body) in [
        (read, &[0; 3][..]),
        (read, &[0; 5]),
        (ioctl, &[0; 7]),
        (kind(Request::Close), &[0]),
        (kind(Request::Cancel), &[0]),
        (open, &[0xFF]),
        (99, &[]),
    ] {
        assert_eq!(Request::parse(kind, body), Err(FrameError), "kind {kind}");
    }
    // More data than was completed.
    let reply = Reply { status: NtStatus::SUCCESS, information: 1, data: &[1, 2] };
    let (header, body) = sent(reply.encode(1).unwrap());
    assert_eq!(Reply::parse(header.kind, &body), Err(FrameError));
}

#[test]
fn a_body_is_bounded_both_ways() {
    let data = vec![0; MAX_BODY];
    let longest = &data[..MAX_BODY - 16];
    let reply = |data| Reply { status: NtStatus::SUCCESS, information: u64::MAX, data };
    let (header, _) = sent(reply(longest).encode(1).unwrap());
    assert_eq!(header.len as usize, MAX_BODY);
    assert!(reply(&data).encode(1).is_none());
    let mut head = [0; FrameHeader::LEN];
    head[..4].copy_from_slice(&(MAX_BODY as u32 + 1).to_le_bytes());
    assert_eq!(FrameHeader::parse(&head), Err(FrameError));
    head[..4].copy_from_slice(&0_u32.to_le_bytes());
    head[6] = 1;
    assert_eq!(FrameHeader::parse(&head), Err(FrameError));
}
