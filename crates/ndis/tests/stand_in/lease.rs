//! What tests of held and own packets share.

use std::ptr::NonNull;

use nblease_ndis::chain::{RecvChain, ReturnedChain, SendChain, SentChain};
use nblease_ndis::held::{HeldRecv, HeldSend};
use nblease_ndis::packet::NblRef;
use nblease_ndis::pool::NblPool;
use nblease_ndis::settle::Settled;
use nblease_ndis::sys::NET_BUFFER_LIST;

use super::{Packet, install, memory};

pub fn pool() -> NblPool {
    NblPool::new(install(), memory::POOL_TAG).unwrap()
}

/// A packet by itself, held as a send.
pub fn held_send(packet: &mut Packet, port: u32, flags: u32) -> HeldSend {
    packet.nbl.Next = std::ptr::null_mut();
    // SAFETY: one NBL, this test's.
    unsafe { SendChain::from_raw(install(), packet.ptr(), port, flags) }.split().next().unwrap()
}

/// A packet by itself, held as a receive.
pub fn held_recv(packet: &mut Packet, port: u32, flags: u32) -> HeldRecv {
    packet.nbl.Next = std::ptr::null_mut();
    // SAFETY: one NBL, this test's.
    unsafe { RecvChain::from_raw(install(), packet.ptr(), port, flags) }.split().next().unwrap()
}

/// The bytes of each frame.
pub fn bytes(nbl: NblRef<'_>) -> Vec<Vec<u8>> {
    let frame_bytes = |frame: nblease_ndis::packet::FrameRef<'_>| {
        let mut bytes = vec![0; frame.len()];
        frame.copy_to_slice(0, &mut bytes).unwrap();
        bytes
    };
    nbl.frames().map(frame_bytes).collect()
}

/// Links NBLs that were passed on and plays the driver that completes them as sends. What was freed.
pub fn complete(nbls: &[NonNull<NET_BUFFER_LIST>], status: i32, flags: u32) -> Vec<Settled> {
    for &nbl in nbls {
        // SAFETY: NBLs that the test has for now.
        unsafe { (*nbl.as_ptr()).Status = status };
    }
    let first = relink(nbls);
    let mut settled = Vec::new();
    // SAFETY: the list is whole, and was passed on before.
    unsafe { SentChain::from_raw(install(), first, flags) }.settle(|packet| settled.push(packet));
    settled
}

/// Links NBLs that were passed on and plays the driver that returns them as receives. What was freed.
pub fn give_back(nbls: &[NonNull<NET_BUFFER_LIST>], flags: u32) -> Vec<Settled> {
    let first = relink(nbls);
    let mut settled = Vec::new();
    // SAFETY: the list is whole, and was passed on before.
    unsafe { ReturnedChain::from_raw(install(), first, flags) }.settle(|packet| settled.push(packet));
    settled
}

fn relink(nbls: &[NonNull<NET_BUFFER_LIST>]) -> NonNull<NET_BUFFER_LIST> {
    let nexts = nbls.iter().skip(1).map(|nbl| nbl.as_ptr()).chain([std::ptr::null_mut()]);
    for (nbl, next) in nbls.iter().zip(nexts) {
        // SAFETY: NBLs that the test has for now.
        unsafe { (*nbl.as_ptr()).Next = next };
    }
    nbls[0]
}

/// Every NBL of the lists that begin with these.
pub fn all(firsts: &[NonNull<NET_BUFFER_LIST>]) -> Vec<NonNull<NET_BUFFER_LIST>> {
    let mut nbls = Vec::new();
    for &first in firsts {
        let mut next = Some(first);
        while let Some(nbl) = next {
            nbls.push(nbl);
            // SAFETY: NBLs that the test has for now.
            next = NonNull::new(unsafe { (*nbl.as_ptr()).Next });
        }
    }
    nbls
}

/// Addresses, as [`Call`](super::Call) says them.
pub fn addresses(nbls: &[NonNull<NET_BUFFER_LIST>]) -> Vec<usize> {
    nbls.iter().map(|nbl| nbl.addr().get()).collect()
}
