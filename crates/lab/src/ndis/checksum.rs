//! Internet checksums: whether those of a frame are right, and setting them right as a card does that was asked to.
//!
//! After RFC 791, 768, 8200, 9293 and "Offloading Checksum Tasks".

use super::headers::{Ip, TCP, UDP, word};

/// What became of looking at a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// There is none to look at: another protocol, a fragment, a packet cut short, UDP over IPv4 without one.
    Absent,
    /// It is right.
    Good,
    /// It is wrong.
    Bad,
}

/// The checksums of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Of the IPv4 header.
    pub ip: Sum,
    /// Of TCP or UDP.
    pub transport: Sum,
    /// TCP or UDP, where it has one.
    pub protocol: Option<u8>,
}

/// The one's complement sum of bytes, on top of another.
fn add(sum: u32, bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or_default();
        u32::from(pair.first().copied().unwrap_or_default()) << 8 | u32::from(low)
    });
    // Each step folds, so that no length overflows.
    pairs.fold(sum, |sum, pair| {
        let sum = sum + pair;
        (sum & 0xffff) + (sum >> 16)
    })
}

fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}

/// Where the checksum of a transport header lies.
fn place(ip: &Ip) -> Option<usize> {
    match ip.protocol? {
        TCP => Some(ip.payload + 16),
        UDP => Some(ip.payload + 6),
        _ => None,
    }
}

/// The transport header and payload, where the frame has all of a packet with such a header.
fn segment<'a>(frame: &'a [u8], ip: &Ip) -> Option<&'a [u8]> {
    let end = ip.end.unwrap_or(frame.len());
    let segment = frame.get(ip.payload..end)?;
    (!ip.fragment && place(ip)? + 2 <= end).then_some(segment)
}

/// The sum over pseudo header and segment, the checksum included: 0 where that is right.
fn transport_sum(frame: &[u8], ip: &Ip) -> Option<u16> {
    let segment = segment(frame, ip)?;
    let (length, protocol) = (segment.len() as u32, ip.protocol?);
    let mut sum = add(0, ip.addresses(frame));
    sum = add(sum, &length.to_be_bytes());
    sum = add(sum, &[0, protocol]);
    Some(fold(add(sum, segment)))
}

/// The checksums of a frame without tags in its bytes.
pub fn sums(frame: &[u8]) -> Sums {
    let mut sums = Sums { ip: Sum::Absent, transport: Sum::Absent, protocol: None };
    let Some(ip) = Ip::untagged(frame) else { return sums };
    let judged = |sum: u16| if sum == 0 { Sum::Good } else { Sum::Bad };
    let options_end = frame.get(ip.at).map_or(0, |byte| ip.at + usize::from(byte & 15) * 4);
    if let Some(header) = frame.get(ip.at..options_end).filter(|_| !ip.v6) {
        sums.ip = judged(fold(add(0, header)));
    }
    if let (Some(sum), Some(at)) = (transport_sum(frame, &ip), place(&ip)) {
        sums.protocol = ip.protocol;
        let none = ip.protocol == Some(UDP) && !ip.v6 && word(frame, at) == Some(0);
        sums.transport = if none { Sum::Absent } else { judged(sum) };
    }
    sums
}

/// Sets the checksum of the IPv4 header right.
pub fn set_ip(frame: &mut [u8]) {
    let Some(ip) = Ip::untagged(frame).filter(|ip| !ip.v6) else { return };
    put(frame, ip.at + 10, 0);
    let header = frame.get(ip.at..ip.payload).unwrap_or_default();
    let sum = fold(add(0, header));
    put(frame, ip.at + 10, sum);
}

/// Sets the checksum of TCP or UDP right.
pub fn set_transport(frame: &mut [u8]) {
    let Some(ip) = Ip::untagged(frame) else { return };
    let Some(at) = place(&ip).filter(|_| segment(frame, &ip).is_some()) else { return };
    put(frame, at, 0);
    let sum = transport_sum(frame, &ip).unwrap_or_default();
    // For UDP a checksum of 0 would say that there is none.
    put(frame, at, if sum == 0 && ip.protocol == Some(UDP) { 0xffff } else { sum });
}

/// Puts a big-endian word at a place.
pub fn put(frame: &mut [u8], at: usize, value: u16) {
    if let Some(place) = frame.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

    /// A frame of TCP or UDP with random payload, its checksums unset.
    fn frame(rng: &mut SmallRng, v6: bool, protocol: u8, payload: usize) -> Vec<u8> {
        let header = if protocol == TCP { 20 } else { 8 };
        let length = (header + payload) as u16;
        let mut frame = vec![2; 12];
        if v6 {
            frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(&[protocol, 64]);
            frame.extend((0..32).map(|_| rng.random::<u8>()));
        } else {
            frame.extend_from_slice(&[8, 0, 0x45, 0]);
            frame.extend_from_slice(&(length + 20).to_be_bytes());
            frame.extend_from_slice(&[0, 1, 0, 0, 64, protocol, 0, 0]);
            frame.extend((0..8).map(|_| rng.random::<u8>()));
        }
        let at = frame.len();
        frame.extend((0..header + payload).map(|_| rng.random::<u8>()));
        if protocol == TCP {
            frame[at + 12] = 0x50;
        } else {
            put(&mut frame, at + 4, length);
        }
        frame
    }

    #[test]
    fn what_is_set_is_right_and_any_flipped_bit_is_not() {
        for seed in 0..200 {
            let rng = &mut SmallRng::seed_from_u64(seed);
            let (v6, protocol) = (rng.random(), if rng.random() { TCP } else { UDP });
            let payload = rng.random_range(0..1400);
            let mut frame = frame(rng, v6, protocol, payload);
            set_ip(&mut frame);
            set_transport(&mut frame);
            let good = if v6 { Sum::Absent } else { Sum::Good };
            let expected = Sums { ip: good, transport: Sum::Good, protocol: Some(protocol) };
            assert_eq!(sums(&frame), expected, "seed {seed}");
            let start = if v6 { 54 } else { 34 };
            let at = rng.random_range(start..frame.len());
            // The checksum of UDP may be flipped to "none".
            if protocol == TCP || !(start + 6..start + 8).contains(&at) {
                frame[at] ^= 1 << rng.random_range(0..8);
                assert_eq!(sums(&frame).transport, Sum::Bad, "seed {seed} at {at}");
            }
        }
    }

    #[test]
    fn known_values() {
        // An example of a header that is often given: its checksum is b861.
        let mut frame = vec![0; 12];
        frame.extend_from_slice(&[8, 0]);
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        frame.extend_from_slice(&header);
        set_ip(&mut frame);
        assert_eq!(frame.get(24..26), Some(&[0xb8, 0x61][..]));
        assert_eq!(sums(&frame).transport, Sum::Absent, "cut short");
    }
}
