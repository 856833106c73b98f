//! What a report knows of the objects that its text names: each address and handle in it, and each filter module, is looked
//! up, so that a rule's check has to name what it is about and nothing else.

use serde::{Deserialize, Serialize};

use crate::{kernel::kernel, memory::span::arena, wdf};

/// Objects shown in a report, at most.
const SHOWN: usize = 12;

/// An object and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What it is: `spin lock 0x7f0012340040`.
    pub name: String,
    /// Its last events, oldest first.
    pub history: Vec<String>,
}

/// The objects that a text names, in its order, each once.
pub fn named_in(text: &str) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for address in addresses(text) {
        let found = object(address).filter(|found| !known.contains(found));
        known.extend(found);
        // Memory of the pool that holds an object is one too.
        known.extend(block(address).filter(|block| !known.contains(block)));
    }
    let modules = kernel().ndis.modules_named_in(text).into_iter();
    let modules = modules.filter_map(|(name, handle)| {
        let (kind, history) = kernel().book.find(handle)?;
        Some(Known { name: format!("{kind} {handle:#x}, {name}"), history })
    });
    known.extend(modules);
    known.truncate(SHOWN);
    known
}

/// The hexadecimal numbers of a text that could be addresses or handles.
fn addresses(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("0x") {
        // An offset in an image is no address.
        if text[..at].ends_with('+') {
            continue;
        }
        let digits = &text[at + 2..];
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        let address = usize::from_str_radix(&digits[..end], 16).ok().filter(|address| *address > u32::MAX as usize);
        found.extend(address.filter(|address| !found.contains(address)));
    }
    found
}

fn object(address: usize) -> Option<Known> {
    if let Some((kind, history)) = kernel().book.find(address) {
        return Some(Known { name: format!("{kind} {address:#x}"), history });
    }
    if let Some((kind, history)) = wdf::history_of(address) {
        return Some(Known { name: format!("{kind} {address:#x}"), history });
    }
    let record = arena().find(address)?;
    let history = record.history();
    let name = || kernel().ndis.ledger.name_of(address).unwrap_or_else(|| format!("what was lent at {address:#x}"));
    (!history.is_empty()).then(|| Known { name: name(), history })
}

fn block(address: usize) -> Option<Known> {
    let (name, history) = kernel().memory.pool.history_of(address)?;
    Some(Known { name, history })
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_found_and_offsets_and_small_numbers_are_not() {
        let text = "spin lock 0x7f0011112222, (0xbad000000000010) from x.sys+0x7f0011112222, status 0xc0000001; 0x7f0011112222";
        assert_eq!(addresses(text), [0x7f00_1111_2222, 0x0bad_0000_0000_0010]);
    }
}
