//! The packet structs through the lab's own view, whether the driver's view of them is open or closed.
//!
//! Every accessor works on an address that a driver may have made up. The lab reads it all the same, as a kernel
//! would: a wild address faults, and the fault handler tells whose call it was.

use std::mem::offset_of;

use nblease_ndis::sys::{MDL, NDIS_HANDLE, NDIS_STATUS, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT, PVOID};

use crate::kernel::kernel;

/// Longest list or chain that is followed before it counts as endless.
const ENDLESS: usize = 1 << 20;

/// The lab's address for a driver's address: its own view of lent memory, else the same address.
pub fn lab_view<T>(driver: *mut T) -> *mut T {
    kernel().memory.to_lab(driver.cast()).map_or(driver, <*mut u8>::cast)
}

/// Reads what lies at a driver's address.
pub fn read<T: Copy>(driver: *const T) -> T {
    // SAFETY: the driver says that a `T` lies there; where it lies, the fault handler ends the run.
    unsafe { lab_view(driver.cast_mut()).read_unaligned() }
}

/// Writes to a driver's address.
pub fn write<T>(driver: *mut T, value: T) {
    // SAFETY: the driver says that a `T` may be written there; where it lies, the fault handler ends the run.
    unsafe { lab_view(driver).write_unaligned(value) }
}

/// Reads bytes at a driver's address.
pub fn read_bytes(driver: *const u8, into: &mut [u8]) {
    let from = lab_view(driver.cast_mut());
    // SAFETY: the driver says that so many bytes lie there (see `read`); `into` is the lab's own.
    unsafe { from.copy_to_nonoverlapping(into.as_mut_ptr(), into.len()) }
}

/// Writes bytes to a driver's address.
pub fn write_bytes(driver: *mut u8, bytes: &[u8]) {
    let to = lab_view(driver);
    // SAFETY: the driver says that so many bytes may be written there (see `write`).
    unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
}

macro_rules! views {
    ($($(#[$meta:meta])* $view:ident of $raw:ident { $($get:ident, $set:ident: $field:ident as $type:ty;)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $view(*mut $raw);

        // SAFETY: an address; who may use what lies there when is the ledger's affair.
        unsafe impl Send for $view {}
        // SAFETY: as above.
        unsafe impl Sync for $view {}

        // Not every field is both read and written.
        #[allow(dead_code)]
        impl $view {
            /// What lies at a driver's address; none for null.
            pub fn at(driver: *mut $raw) -> Option<Self> {
                (!driver.is_null()).then(|| Self(lab_view(driver)))
            }

            $(
                #[doc = concat!("`", stringify!($field), "`.")]
                pub fn $get(self) -> $type {
                    let field = self.0.wrapping_byte_add(offset_of!($raw, $field)).cast::<$type>();
                    // SAFETY: a field of a struct that lies where the driver says (see the module).
                    unsafe { field.read_unaligned() }
                }

                #[doc = concat!("Sets `", stringify!($field), "`.")]
                pub fn $set(self, value: $type) {
                    let field = self.0.wrapping_byte_add(offset_of!($raw, $field)).cast::<$type>();
                    // SAFETY: as for reading.
                    unsafe { field.write_unaligned(value) }
                }
            )*
        }
    )*};
}

views! {
    /// An NBL.
    Nbl of NET_BUFFER_LIST {
        next, set_next: Next as *mut NET_BUFFER_LIST;
        first_nb, set_first_nb: FirstNetBuffer as *mut NET_BUFFER;
        context, set_context: Context as *mut NET_BUFFER_LIST_CONTEXT;
        parent, set_parent: ParentNetBufferList as *mut NET_BUFFER_LIST;
        pool, set_pool: NdisPoolHandle as NDIS_HANDLE;
        source, set_source: SourceHandle as NDIS_HANDLE;
        nbl_flags, set_nbl_flags: NblFlags as u32;
        status, set_status: Status as NDIS_STATUS;
        info, set_info: NetBufferListInfo as [PVOID; 27];
    }
    /// An NB.
    Nb of NET_BUFFER {
        next, set_next: Next as *mut NET_BUFFER;
        current_mdl, set_current_mdl: CurrentMdl as *mut MDL;
        current_mdl_offset, set_current_mdl_offset: CurrentMdlOffset as u32;
        data_length, set_data_length: DataLength as u32;
        mdl_chain, set_mdl_chain: MdlChain as *mut MDL;
        data_offset, set_data_offset: DataOffset as u32;
        pool, set_pool: NdisPoolHandle as NDIS_HANDLE;
    }
    /// An MDL.
    Mdl of MDL {
        next, set_next: Next as *mut MDL;
        size, set_size: Size as i16;
        flags, set_flags: MdlFlags as i16;
        mapped_va, set_mapped_va: MappedSystemVa as PVOID;
        start_va, set_start_va: StartVa as PVOID;
        byte_count, set_byte_count: ByteCount as u32;
        byte_offset, set_byte_offset: ByteOffset as u32;
    }
    /// A context of an NBL.
    Context of NET_BUFFER_LIST_CONTEXT {
        next, set_next: Next as *mut NET_BUFFER_LIST_CONTEXT;
        size, set_size: Size as u16;
        offset, set_offset: Offset as u16;
    }
}

/// Driver's address of the first byte that an MDL describes.
pub fn mdl_data(mdl: *mut MDL) -> *mut u8 {
    let target = kernel().memory.mdls.find(mdl.addr()).map(|described| described.target);
    let address = target.or_else(|| Mdl::at(mdl).map(|view| view.start_va().addr() + view.byte_offset() as usize));
    std::ptr::with_exposed_provenance_mut(address.unwrap_or_default())
}

/// Touches what a driver says is its own, through the driver's view: where that is closed, it faults (V16).
pub fn touch<T>(driver: *const T) {
    // SAFETY: the driver says that it may read there; where it may not, the fault handler ends the run.
    unsafe { driver.cast::<u8>().read_volatile() };
}

/// Why a list cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endless;

/// Follows `next` from `head`: the addresses in order, or [`Endless`] where they come round again.
pub fn follow<T>(head: *mut T, next: impl Fn(*mut T) -> *mut T) -> Result<Vec<*mut T>, Endless> {
    let mut all = Vec::new();
    let (mut at, mut mark, mut lap) = (head, head, 1_usize);
    while !at.is_null() {
        if all.len() >= ENDLESS {
            return Err(Endless);
        }
        all.push(at);
        // Brent: the mark moves to ever later places; a ring comes round to it.
        if all.len() == lap {
            mark = at;
            lap *= 2;
        }
        at = next(at);
        if at == mark {
            return Err(Endless);
        }
    }
    Ok(all)
}

/// The NBLs of a list, by the driver's addresses.
pub fn nbls(head: *mut NET_BUFFER_LIST) -> Result<Vec<*mut NET_BUFFER_LIST>, Endless> {
    follow(head, |nbl| Nbl::at(nbl).map_or(std::ptr::null_mut(), Nbl::next))
}

/// The NBs of an NBL, by the driver's addresses.
pub fn nbs(nbl: Nbl) -> Result<Vec<*mut NET_BUFFER>, Endless> {
    follow(nbl.first_nb(), |nb| Nb::at(nb).map_or(std::ptr::null_mut(), Nb::next))
}

/// The MDLs of a chain, by the driver's addresses.
pub fn mdls(head: *mut MDL) -> Result<Vec<*mut MDL>, Endless> {
    follow(head, |mdl| Mdl::at(mdl).map_or(std::ptr::null_mut(), Mdl::next))
}

/// Where `length` bytes lie that start `skip` bytes into an MDL chain: (driver's address, bytes) of each part that is
/// not empty. Fewer bytes where the chain ends.
pub fn parts(chain: *mut MDL, skip: usize, length: usize) -> Vec<(*mut u8, usize)> {
    let (mut skip, mut left) = (skip, length);
    let mut parts = Vec::new();
    for mdl in mdls(chain).unwrap_or_default() {
        let count = Mdl::at(mdl).map_or(0, |mdl| mdl.byte_count() as usize);
        let lead = skip.min(count);
        skip -= lead;
        let take = (count - lead).min(left);
        left -= take;
        if take > 0 {
            parts.push((mdl_data(mdl).wrapping_add(lead), take));
        }
        if left == 0 {
            break;
        }
    }
    parts
}

/// The used data of an NB, read along its MDL chain; or what is wrong with the NB.
pub fn frame(nb: Nb) -> Result<Vec<u8>, String> {
    if mdls(nb.mdl_chain()).is_err() {
        return Err("its MDL chain has no end".to_owned());
    }
    let (offset, length) = (nb.data_offset() as usize, nb.data_length() as usize);
    let parts = parts(nb.mdl_chain(), offset, length);
    let found: usize = parts.iter().map(|(_, bytes)| bytes).sum();
    if found < length {
        return Err(format!("DataLength is {length}, its MDL chain holds {found}"));
    }
    if !current_agrees(nb) {
        return Err(format!("CurrentMdl and CurrentMdlOffset do not agree with DataOffset {offset}"));
    }
    let mut bytes = vec![0; length];
    let mut rest = bytes.as_mut_slice();
    for (from, count) in parts {
        let (now, later) = rest.split_at_mut(count);
        read_bytes(from, now);
        rest = later;
    }
    Ok(bytes)
}

/// Whether `CurrentMdl` and `CurrentMdlOffset` say where `DataOffset` lies. Between two MDLs it lies in both.
fn current_agrees(nb: Nb) -> bool {
    let mut before = 0;
    for mdl in mdls(nb.mdl_chain()).unwrap_or_default() {
        let count = Mdl::at(mdl).map_or(0, Mdl::byte_count);
        if mdl == nb.current_mdl() {
            let offset = nb.current_mdl_offset();
            return offset <= count && before + offset == nb.data_offset();
        }
        before += count;
    }
    nb.mdl_chain().is_null() && nb.data_length() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_endless_wherever_it_joins() {
        for (length, joint) in [(1, 0), (2, 0), (7, 3), (64, 63), (100, 41)] {
            let next = |at: *mut u8| {
                let n = at.addr();
                std::ptr::without_provenance_mut(if n == length { joint + 1 } else { n + 1 })
            };
            assert_eq!(follow(std::ptr::without_provenance_mut(1), next), Err(Endless), "{length} {joint}");
        }
    }

    #[test]
    fn a_list_is_followed_in_order() {
        let next = |at: *mut u8| std::ptr::without_provenance_mut(if at.addr() == 9 { 0 } else { at.addr() + 1 });
        let all = follow(std::ptr::without_provenance_mut(1), next).unwrap();
        assert_eq!(all.iter().map(|a| a.addr()).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    }
}
