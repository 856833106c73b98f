//! Every constant and enumerator, against the ABI facts.

mod facts;

use nblease_ndis::sys::{CONSTANTS, ENUMERATORS, WDF_FUNCTIONS};

#[test]
fn constants_are_as_the_headers_say() {
    let facts = facts::constants();
    let wrong: Vec<_> = CONSTANTS
        .iter()
        .filter(|(name, bits, size)| {
            // The facts give 64 bits, sign-extended; ours has the bits of its own type.
            let mask = u64::MAX >> (64 - 8 * size);
            let fact = facts.get(name).copied();
            // What does not fit the type we gave it would be cut.
            let fits = fact.is_some_and(|fact| fact == fact & mask || fact | mask == u64::MAX);
            fact.map(|fact| fact & mask) != Some(*bits) || !fits
        })
        .collect();
    assert!(wrong.is_empty(), "not the facts' values: {wrong:x?}");
}

/// Families of constants of which every one in the facts is bound.
const WHOLE_FAMILIES: &[&str] = &[
    "IRP_MJ_",
    "MDL_",
    "NDIS_FILTER_CHARACTERISTICS_",
    "NDIS_FILTER_ATTACH_",
    "NDIS_NBL_FLAGS_",
    "NDIS_OBJECT_TYPE_FILTER_",
    "NDIS_RECEIVE_FLAGS_",
    "NDIS_RETURN_FLAGS_",
    "NDIS_SEND_",
    "NDIS_SIZEOF_FILTER_ATTACH_",
    "NDIS_SIZEOF_FILTER_DRIVER_",
    "NET_BUFFER_",
    "NET_PNP_",
    "OID_802_3_",
    "OID_PNP_",
];

#[test]
fn families_are_whole() {
    let missing: Vec<_> = facts::constants()
        .into_keys()
        .filter(|name| WHOLE_FAMILIES.iter().any(|family| name.starts_with(family)))
        .filter(|name| !CONSTANTS.iter().any(|(ours, ..)| ours == name))
        .collect();
    assert!(missing.is_empty(), "not bound: {missing:?}");
}

#[test]
fn enumerators_are_as_the_headers_say_and_whole() {
    let facts = facts::enums();
    let mut wrong = Vec::new();
    for (enumeration, name, value) in ENUMERATORS {
        let fact = facts.get(&(*enumeration, *name)).copied();
        // A C enumerator above INT_MAX is the same int.
        if fact.map(i64::cast_unsigned).map(|fact| fact as u32) != Some(value.cast_unsigned()) {
            wrong.push(format!("{enumeration}::{name} is {value}, facts {fact:?}"));
        }
    }
    for (enumeration, name) in facts.keys() {
        let bound = ENUMERATORS.iter().any(|(ours, ..)| ours == enumeration);
        if bound && !ENUMERATORS.iter().any(|(_, ours, _)| ours == name) {
            wrong.push(format!("{enumeration}::{name} is not bound"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kmdf_functions_have_their_indices() {
    let facts = facts::enums();
    let index = |name: &str| facts[&("WDFFUNCENUM", name)];
    let fact = |name| facts.get(&("WDFFUNCENUM", name)).copied();
    for (i, name) in WDF_FUNCTIONS.iter().enumerate() {
        assert_eq!(fact(format!("{name}TableIndex").leak()), i64::try_from(i).ok(), "{name}");
    }
    assert_eq!(index("WdfFunctionTableNumEntries"), i64::try_from(WDF_FUNCTIONS.len()).unwrap());
}
