//! Random chains, taken apart and chained again at random: each NBL leaves exactly once, in order, by a call with its own
//! port and flags, and copies have the bytes that the original had, however its MDLs were cut.
#![allow(unsafe_code)]

mod stand_in;

use std::collections::BTreeMap;
use std::ptr::NonNull;

use nblease_ndis::Status;
use nblease_ndis::batch::{RecvBatch, SendBatch};
use nblease_ndis::chain::{RecvChain, SendChain};
use nblease_ndis::held::Level;
use nblease_ndis::sys::*;
use proptest::collection::vec;
use proptest::prelude::*;
use stand_in::lease::{all, bytes, complete, give_back, held_recv, held_send, pool};
use stand_in::memory::live;
use stand_in::{Call, Frame, HANDLE, Packet, calls, forget, handed, install, link};

const LOOP: u32 = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
const SHARED: u32 = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;

/// What becomes of a packet of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on with those of its chain that are not held.
    Stays,
    /// Held, and forwarded in a batch.
    Passes,
    /// Held, and finished in a batch.
    Drops,
    /// Held and finished; a copy of it is in the batch in its place.
    Promoted,
    /// Held; a shadow of its first frame is in the batch in its place. A receive just passes.
    Shadowed,
}

fn fate() -> impl Strategy<Value = Fate> {
    use Fate::{Drops, Passes, Promoted, Shadowed, Stays};
    prop_oneof![Just(Stays), Just(Passes), Just(Drops), Just(Promoted), Just(Shadowed)]
}

/// A call with its port and its bits of kept and of other flags, and the fates of its NBLs.
#[derive(Clone, Debug)]
struct Chain {
    port: u32,
    kept: bool,
    other: u32,
    fates: Vec<Fate>,
}

fn chains() -> impl Strategy<Value = Vec<Chain>> {
    let chain = (1_u32..3, any::<bool>(), any::<u32>(), vec(fate(), 1..6));
    vec(chain.prop_map(|(port, kept, other, fates)| Chain { port, kept, other, fates }), 1..6)
}

/// A packet whose frames name it.
fn packet(chain: usize, at: usize) -> Packet {
    let name = [u8::try_from(chain).unwrap(), u8::try_from(at).unwrap()];
    let frame = Frame { mdls: &[1, 5], offset: 0, data: &name };
    Packet::new(&[frame, Frame { mdls: &[2], offset: 0, data: &name }]).nonpaged()
}

/// What passed on carries: the name of its packet, and the call's port and flags.
type Left = ([u8; 2], u32, u32);

fn name(nbl: NonNull<NET_BUFFER_LIST>) -> [u8; 2] {
    // SAFETY: an NBL that was passed on and is not back yet.
    let first = unsafe { nbl.as_ref() }.FirstNetBuffer;
    // SAFETY: its NB.
    let nb = unsafe { *first };
    let mut name = [0; 2];
    // SAFETY: the NB's bytes.
    let chunks = unsafe { nblease_ndis::mdl::Chunks::new(nb.CurrentMdl, nb.CurrentMdlOffset as usize, 2) };
    // SAFETY: two bytes.
    unsafe { chunks.copy_to(name.as_mut_ptr()) }.unwrap();
    name
}

/// What was passed on, in order, by the calls that passed it.
fn left(calls: &[Call], firsts: &[NonNull<NET_BUFFER_LIST>]) -> Vec<Left> {
    let lists = calls.iter().zip(firsts).filter_map(|(call, &first)| match *call {
        Call::Send { port, flags, .. } => Some((first, port, flags)),
        Call::Indicate { port, count, flags, .. } => {
            assert_eq!(count as usize, all(&[first]).len());
            Some((first, port, flags))
        }
        _ => None,
    });
    lists.flat_map(|(first, port, flags)| all(&[first]).into_iter().map(move |nbl| (name(nbl), port, flags))).collect()
}

/// How often each NBL was completed or returned, of those that are not own.
fn ended(calls: &[Call]) -> BTreeMap<usize, usize> {
    let mut ended = BTreeMap::new();
    for call in calls {
        if let Call::SendComplete { nbls, .. } | Call::Return { nbls, .. } = call {
            for &nbl in nbls {
                *ended.entry(nbl).or_default() += 1;
            }
        }
    }
    ended
}

/// The NBLs that calls passed on.
fn out(calls: &[Call], firsts: &[NonNull<NET_BUFFER_LIST>]) -> Vec<NonNull<NET_BUFFER_LIST>> {
    let passed = calls.iter().zip(firsts).filter(|(call, _)| matches!(call, Call::Send { .. } | Call::Indicate { .. }));
    passed.flat_map(|(_, &first)| all(&[first])).collect()
}

/// Runs that a batch leaves in: one for each stretch of equal port and flags.
fn runs(batch: &[Left]) -> usize {
    batch.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)).count()
}

/// An order in which NBLs may come back.
fn shuffled(nbls: &[NonNull<NET_BUFFER_LIST>], seed: usize) -> Vec<NonNull<NET_BUFFER_LIST>> {
    let mut nbls = nbls.to_vec();
    let count = nbls.len();
    for at in 1..count {
        nbls.swap(at, seed.wrapping_mul(at + 7) % (at + 1));
    }
    nbls
}

fn is_own(nbl: NonNull<NET_BUFFER_LIST>) -> bool {
    // SAFETY: an NBL that was passed on and is not back yet.
    unsafe { nbl.as_ref() }.SourceHandle.addr() == HANDLE
}

proptest! {
    #[test]
    fn each_send_leaves_once_and_in_order(chains in chains(), dispatch in any::<bool>(), seed in any::<usize>()) {
        forget();
        let pool = pool();
        let level = if dispatch { Level::Dispatch } else { Level::Passive };
        let level_flag = if dispatch { NDIS_SEND_FLAGS_DISPATCH_LEVEL } else { 0 };
        let mut packets: Vec<Vec<_>> =
            (0..).zip(&chains).map(|(c, chain)| (0..chain.fates.len()).map(|at| packet(c, at)).collect()).collect();
        let (mut passing, mut dropping) = (SendBatch::new(), SendBatch::new());
        let (mut stayed, mut passed, mut originals) = (Vec::new(), Vec::new(), Vec::new());
        for (c, (chain, packets)) in chains.iter().zip(&mut packets).enumerate() {
            let flags = if chain.kept { LOOP } else { 0 } | chain.other & (NDIS_SEND_FLAGS_SINGLE_QUEUE | 1);
            let (first, nbls) = link(packets);
            originals.extend(&nbls);
            // SAFETY: the list is whole and this test's.
            let whole = unsafe { SendChain::from_raw(install(), first, chain.port, flags) };
            let fate_of = |nbl: usize| chain.fates[nbls.iter().position(|&known| known == nbl).unwrap()];
            let (stay, leave) = whole.partition(|nbl| fate_of(nbl.as_ptr().addr()) != Fate::Stays);
            let names = |fates: fn(Fate) -> bool| {
                let at = chain.fates.iter().enumerate().filter(move |(_, fate)| fates(**fate));
                at.map(move |(at, _)| [u8::try_from(c).unwrap(), u8::try_from(at).unwrap()])
            };
            stayed.extend(names(|fate| fate == Fate::Stays).map(|name| (name, chain.port, flags)));
            let kept = flags & LOOP | level_flag;
            passed.extend(names(|fate| fate != Fate::Stays && fate != Fate::Drops).map(|name| (name, chain.port, kept)));
            if let Some(stay) = stay {
                stay.forward();
            }
            for held in leave.into_iter().flat_map(SendChain::split) {
                match fate_of(held.nbl().as_ptr().addr()) {
                    Fate::Drops => prop_assert!(dropping.push(held).is_ok()),
                    Fate::Promoted => {
                        prop_assert!(passing.push(held.promote(&pool).unwrap()).is_ok());
                        held.finish(Status::SUCCESS, level);
                    }
                    Fate::Shadowed => {
                        let shadow = held.shadow(&pool, |at| at == 0).map_err(|(_, error)| error).unwrap();
                        prop_assert!(passing.push(shadow).is_ok());
                    }
                    _ => prop_assert!(passing.push(held).is_ok()),
                }
            }
        }
        dropping.finish(Status::SUCCESS, level);
        let (at_once, at_once_lists) = (calls(), handed());
        prop_assert_eq!(left(&at_once, &at_once_lists), stayed);
        passing.forward(level);
        let (later, later_lists) = (calls(), handed());
        prop_assert_eq!(left(&later, &later_lists), passed.clone());
        prop_assert_eq!(later.len(), runs(&passed));

        let mut back = out(&at_once, &at_once_lists);
        back.extend(out(&later, &later_lists));
        let own = back.iter().filter(|&&nbl| is_own(nbl)).count();
        prop_assert_eq!(pool.in_flight(), own);
        let mut done = at_once;
        if !back.is_empty() {
            prop_assert_eq!(complete(&shuffled(&back, seed), NDIS_STATUS_SUCCESS, 0).len(), own);
            done.extend(calls());
        }
        let ended = ended(&done);
        prop_assert_eq!(ended.len(), originals.len());
        prop_assert!(originals.iter().all(|nbl| ended[nbl] == 1));
        prop_assert_eq!(pool.in_flight(), 0);
        drop(pool);
        prop_assert_eq!(live(), BTreeMap::new());
    }

    #[test]
    fn each_receive_leaves_once_and_in_order(chains in chains(), seed in any::<usize>()) {
        forget();
        let pool = pool();
        let mut packets: Vec<Vec<_>> =
            (0..).zip(&chains).map(|(c, chain)| (0..chain.fates.len()).map(|at| packet(c, at)).collect()).collect();
        let (mut passing, mut dropping) = (RecvBatch::new(), RecvBatch::new());
        let (mut stayed, mut passed, mut originals) = (Vec::new(), Vec::new(), Vec::new());
        for (c, (chain, packets)) in chains.iter().zip(&mut packets).enumerate() {
            let shared = if chain.kept { SHARED } else { 0 };
            let others = chain.other & (NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE | NDIS_RECEIVE_FLAGS_SINGLE_QUEUE | 1);
            let (first, nbls) = link(packets);
            originals.extend(&nbls);
            // SAFETY: the list is whole and this test's.
            let whole = unsafe { RecvChain::from_raw(install(), first, chain.port, shared | others) };
            let fate_of = |nbl: usize| chain.fates[nbls.iter().position(|&known| known == nbl).unwrap()];
            let (stay, leave) = whole.partition(|nbl| fate_of(nbl.as_ptr().addr()) != Fate::Stays);
            for (at, &fate) in chain.fates.iter().enumerate() {
                let name = [u8::try_from(c).unwrap(), u8::try_from(at).unwrap()];
                match fate {
                    Fate::Stays => stayed.push((name, chain.port, shared | others)),
                    Fate::Drops => {}
                    Fate::Promoted => passed.push((name, chain.port, 0)),
                    Fate::Passes | Fate::Shadowed => passed.push((name, chain.port, shared)),
                }
            }
            if let Some(stay) = stay {
                stay.forward();
            }
            for held in leave.into_iter().flat_map(RecvChain::split) {
                match fate_of(held.nbl().as_ptr().addr()) {
                    Fate::Drops => prop_assert!(dropping.push(held).is_ok()),
                    Fate::Promoted => {
                        prop_assert!(passing.push(held.promote(&pool).unwrap()).is_ok());
                        held.finish(Level::Passive);
                    }
                    _ => prop_assert!(passing.push(held).is_ok()),
                }
            }
        }
        dropping.finish(Level::Passive);
        let (at_once, at_once_lists) = (calls(), handed());
        prop_assert_eq!(left(&at_once, &at_once_lists), stayed);
        passing.forward(Level::Passive);
        let (later, later_lists) = (calls(), handed());
        prop_assert_eq!(left(&later, &later_lists), passed.clone());
        prop_assert_eq!(later.len(), runs(&passed));

        let mut back = out(&at_once, &at_once_lists);
        back.extend(out(&later, &later_lists));
        let own = back.iter().filter(|&&nbl| is_own(nbl)).count();
        let mut done = at_once;
        if !back.is_empty() {
            prop_assert_eq!(give_back(&shuffled(&back, seed), 0).len(), own);
            done.extend(calls());
        }
        let ended = ended(&done);
        prop_assert_eq!(ended.len(), originals.len());
        prop_assert!(originals.iter().all(|nbl| ended[nbl] == 1));
        drop(pool);
        prop_assert_eq!(live(), BTreeMap::new());
    }

    #[test]
    fn a_copy_has_the_bytes_however_the_mdls_are_cut(
        frames in vec((vec(0_usize..40, 0..6), 0_usize..50, vec(any::<u8>(), 1..200)), 1..5),
        keep in any::<u8>(),
    ) {
        calls();
        let pool = pool();
        // The last MDL takes what the others have no room for.
        let mdls: Vec<Vec<usize>> = frames
            .iter()
            .map(|(mdls, offset, data)| {
                let room = mdls.iter().sum::<usize>();
                mdls.iter().copied().chain([(offset + data.len()).saturating_sub(room)]).collect()
            })
            .collect();
        let described: Vec<_> = frames
            .iter()
            .zip(&mdls)
            .map(|((_, offset, data), mdls)| Frame { mdls, offset: *offset, data })
            .collect();
        let kept: Vec<_> =
            frames.iter().enumerate().filter(|(at, _)| keep & 1 << at != 0).map(|(_, frame)| frame.2.clone()).collect();
        let mut original = Packet::new(&described);
        let held = held_send(&mut original, 0, 0);
        let mut copy = held.promote(&pool).unwrap();
        copy.retain(|at| keep & 1 << at != 0);
        let shadow = held.shadow(&pool, |at| keep & 1 << at != 0);
        match shadow {
            Ok(shadow) => {
                prop_assert_eq!(bytes(shadow.nbl()), kept.clone());
                shadow.finish(Status::SUCCESS, Level::Passive);
            }
            Err((held, _)) => {
                prop_assert!(kept.is_empty());
                held.finish(Status::SUCCESS, Level::Passive);
            }
        }
        let held = held_recv(&mut original, 0, 0);
        let received = held.promote(&pool).unwrap();
        held.finish(Level::Passive);
        drop(original);
        prop_assert_eq!(bytes(copy.nbl()), kept);
        drop(copy);
        let whole: Vec<_> = frames.into_iter().map(|frame| frame.2).collect();
        prop_assert_eq!(bytes(received.nbl()), whole);
        drop((received, pool));
        prop_assert_eq!(live(), BTreeMap::new());
    }
}
