//! The words of an NBL that are its originator's: `ProtocolReserved` of a send, `MiniportReserved` of a receive
//! (`NET_BUFFER_LIST`). It finds them again as it left them (V21).

use nblease_ndis::sys::{NET_BUFFER_LIST, PVOID};

use super::{packet::Maker, raw};

/// What an originator keeps there; empty where it keeps nothing.
#[derive(Default)]
pub struct Reserved(Vec<PVOID>);

// SAFETY: the addresses are only compared.
unsafe impl Send for Reserved {}
// SAFETY: as above.
unsafe impl Sync for Reserved {}

/// The words, by the driver's addresses.
fn words(nbl: *mut NET_BUFFER_LIST, maker: Maker) -> Vec<*mut PVOID> {
    let (first, count) = match maker {
        // SAFETY: projections of an address that the lab made, which touch nothing.
        Maker::Protocol => unsafe { ((&raw mut (*nbl).ProtocolReserved).cast::<PVOID>(), 4) },
        // SAFETY: as above.
        Maker::Miniport => unsafe { ((&raw mut (*nbl).MiniportReserved).cast::<PVOID>(), 2) },
        Maker::Loopback | Maker::Driver(_) => return Vec::new(),
    };
    (0..count).map(|at| first.wrapping_add(at)).collect()
}

impl Reserved {
    /// The originator writes something of its own.
    pub fn fill(nbl: *mut NET_BUFFER_LIST, maker: Maker) -> Self {
        let words = words(nbl, maker).into_iter().enumerate();
        Self(
            words
                .map(|(number, at)| {
                    let value = std::ptr::without_provenance_mut(nbl.addr() ^ (number + 1));
                    raw::write(at, value);
                    value
                })
                .collect(),
        )
    }

    /// What differs now, if anything.
    pub fn difference(&self, nbl: *mut NET_BUFFER_LIST, maker: Maker) -> Option<String> {
        let name = if maker == Maker::Protocol { "ProtocolReserved" } else { "MiniportReserved" };
        let mut pairs = self.0.iter().zip(words(nbl, maker)).enumerate();
        pairs.find_map(|(number, (was, at))| {
            let is = raw::read(at);
            (*was != is).then(|| format!("{name}[{number}] was {was:p} and is {is:p}, and is its originator's"))
        })
    }
}
