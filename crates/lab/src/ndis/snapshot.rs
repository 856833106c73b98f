//! What an NBL of the lab's own looked like when it was made, to compare with what comes back (V21).

use std::ops::Range;

use nblease_ndis::sys::{MDL, NET_BUFFER, NET_BUFFER_LIST_CONTEXT};

use super::raw::{self, Context, Endless, Mdl, Nb, Nbl};
use crate::memory::Span;

/// The structure of an NBL and every byte of its payload span but those before the used data, which a filter may use for
/// headers of its own ("Retreat Operations") and need not restore.
pub struct Snapshot {
    nbs: Vec<NbShape>,
    payload: Vec<u8>,
    backfill: Vec<Range<usize>>,
    context: ContextShape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NbShape {
    at: *mut NET_BUFFER,
    data_offset: u32,
    data_length: u32,
    current_mdl: *mut MDL,
    current_mdl_offset: u32,
    mdls: Vec<MdlShape>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct MdlShape {
    at: *mut MDL,
    /// `StartVa + ByteOffset`; not `MappedSystemVa` and the flags, which mapping changes.
    start: usize,
    byte_count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContextShape {
    at: *mut NET_BUFFER_LIST_CONTEXT,
    offset: u16,
}

// SAFETY: the addresses are only compared.
unsafe impl Send for Snapshot {}
// SAFETY: as above.
unsafe impl Sync for Snapshot {}

impl Snapshot {
    /// What it looks like now.
    pub fn take(nbl: Nbl, payload: &Span) -> Self {
        Self {
            nbs: shape(nbl).unwrap_or_default(),
            payload: bytes(payload),
            backfill: backfill(nbl, payload),
            context: context(nbl),
        }
    }

    /// What differs now, if anything. The contexts count only when `home`: on its way they may be in use.
    pub fn difference(&self, nbl: Nbl, payload: &Span, home: bool) -> Option<String> {
        let nbs = match shape(nbl) {
            Ok(nbs) => nbs,
            Err(Endless) => return Some("its NBs or MDLs form a ring".to_owned()),
        };
        let (was, is) = (self.nbs.len(), nbs.len());
        if was != is {
            return Some(format!("it had {was} NBs and has {is}"));
        }
        for (number, (was, is)) in self.nbs.iter().zip(&nbs).enumerate() {
            if let Some(what) = was.difference(is) {
                return Some(format!("NB {number}: {what}"));
            }
        }
        if let Some(at) = self.first_difference(payload) {
            return Some(format!("payload byte {at} of its span was changed"));
        }
        let context = context(nbl);
        (home && context != self.context).then(|| format!("its contexts were {:?} and are {context:?}", self.context))
    }

    fn first_difference(&self, payload: &Span) -> Option<usize> {
        // SAFETY: the span has as many bytes; whoever writes to them meanwhile breaks the rule that is checked here.
        let is = unsafe { std::slice::from_raw_parts(payload.lab(), self.payload.len()) };
        if self.payload == is {
            return None;
        }
        let differences = self.payload.iter().zip(is).enumerate().filter(|(_, (was, is))| was != is);
        differences.map(|(at, _)| at).find(|at| !self.backfill.iter().any(|range| range.contains(at)))
    }
}

impl NbShape {
    fn difference(&self, now: &Self) -> Option<String> {
        let changed = |what: &str, was: &dyn std::fmt::Debug, is: &dyn std::fmt::Debug| {
            Some(format!("{what} was {was:?} and is {is:?}"))
        };
        if self.at != now.at {
            return changed("its place in the chain", &self.at, &now.at);
        }
        if self.data_offset != now.data_offset {
            return changed("DataOffset", &self.data_offset, &now.data_offset);
        }
        if self.data_length != now.data_length {
            return changed("DataLength", &self.data_length, &now.data_length);
        }
        if self.current_mdl != now.current_mdl || self.current_mdl_offset != now.current_mdl_offset {
            let was = (self.current_mdl, self.current_mdl_offset);
            return changed("CurrentMdl and its offset", &was, &(now.current_mdl, now.current_mdl_offset));
        }
        if self.mdls != now.mdls {
            return changed("MdlChain", &self.mdls, &now.mdls);
        }
        None
    }
}

fn shape(nbl: Nbl) -> Result<Vec<NbShape>, Endless> {
    let views = raw::nbs(nbl)?;
    views
        .into_iter()
        .filter_map(|at| Nb::at(at).map(|nb| (at, nb)))
        .map(|(at, nb)| {
            let mdls = raw::mdls(nb.mdl_chain())?.into_iter().filter_map(|at| Mdl::at(at).map(|mdl| (at, mdl))).map(
                |(at, mdl)| MdlShape {
                    at,
                    start: mdl.start_va().addr() + mdl.byte_offset() as usize,
                    byte_count: mdl.byte_count(),
                },
            );
            Ok(NbShape {
                at,
                data_offset: nb.data_offset(),
                data_length: nb.data_length(),
                current_mdl: nb.current_mdl(),
                current_mdl_offset: nb.current_mdl_offset(),
                mdls: mdls.collect(),
            })
        })
        .collect()
}

fn context(nbl: Nbl) -> ContextShape {
    let at = nbl.context();
    ContextShape { at, offset: Context::at(at).map_or(0, Context::offset) }
}

fn bytes(payload: &Span) -> Vec<u8> {
    let mut bytes = vec![0; payload.len().next_multiple_of(crate::memory::PAGE)];
    raw::read_bytes(payload.driver(), &mut bytes);
    bytes
}

/// Where in the span the bytes before each NB's used data lie.
fn backfill(nbl: Nbl, payload: &Span) -> Vec<Range<usize>> {
    let start = payload.driver().addr();
    let end = start + payload.len().next_multiple_of(crate::memory::PAGE);
    let nbs = raw::nbs(nbl).unwrap_or_default().into_iter().filter_map(Nb::at);
    let parts = nbs.flat_map(|nb| raw::parts(nb.mdl_chain(), 0, nb.data_offset() as usize));
    let parts = parts.map(|(at, bytes)| at.addr()..at.addr() + bytes);
    parts
        .filter(|part| start <= part.start && part.end <= end)
        .map(|part| part.start - start..part.end - start)
        .collect()
}
