//! The ABI facts (`abi/*.tsv`), and what a C type of theirs is called in Rust.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet};

/// A row of `structs.tsv`.
pub struct Field {
    /// The path inside the struct; empty for the struct itself.
    pub path: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// Size and alignment in bytes, of a struct's own row only.
    pub layout: Option<(usize, usize)>,
    /// First and last bit after `offset`, of a bit-field.
    pub bits: Option<(u32, u32)>,
    /// The C type.
    pub c_type: &'static str,
}

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| line.split('\t').collect())
}

/// `structs.tsv`: the fields of each struct.
pub fn structs() -> BTreeMap<&'static str, Vec<Field>> {
    let mut structs = BTreeMap::<_, Vec<_>>::new();
    for row in rows(include_str!("../../abi/structs.tsv")) {
        let number = |text: &str| text.parse().expect("a number");
        let bits = row[3].strip_prefix(':').map(|range| {
            let (low, high) = range.split_once('-').expect("lo-hi");
            (low.parse().expect("a bit"), high.parse().expect("a bit"))
        });
        structs.entry(row[0]).or_default().push(Field {
            path: row[1],
            offset: number(row[2]),
            layout: row[1].is_empty().then(|| (number(row[3]), number(row[4]))),
            bits,
            c_type: row[5],
        });
    }
    structs
}

/// `callbacks.tsv`: the C type of each callback.
pub fn callbacks() -> BTreeMap<&'static str, &'static str> {
    rows(include_str!("../../abi/callbacks.tsv")).map(|row| (row[0], row[1])).collect()
}

/// `functions.tsv`: kind (`export` or `inline`) and prototype of each function.
pub fn functions() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    rows(include_str!("../../abi/functions.tsv")).map(|row| (row[0], (row[1], row[2]))).collect()
}

/// `constants.tsv`.
pub fn constants() -> BTreeMap<&'static str, u64> {
    rows(include_str!("../../abi/constants.tsv"))
        .map(|row| {
            let digits = row[1].strip_prefix("0x").expect("hex");
            (row[0], u64::from_str_radix(digits, 16).expect("hex"))
        })
        .collect()
}

/// `enums.tsv`: (enumeration, name) to value.
pub fn enums() -> BTreeMap<(&'static str, &'static str), i64> {
    rows(include_str!("../../abi/enums.tsv")).map(|row| ((row[0], row[1]), row[2].parse().expect("a number"))).collect()
}

/// A Rust type name without its modules: `*mut nblease_ndis::sys::io::MDL` is `*mut MDL`.
pub fn short(type_name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for c in type_name.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
        } else {
            short.push_str(word.rsplit("::").next().unwrap_or(""));
            word.clear();
            short.push(c);
        }
    }
    short.trim_end().to_owned()
}

/// Says what C's types are in Rust, by the rules in the documentation of `sys`.
pub struct Types {
    structs: BTreeSet<&'static str>,
    enums: BTreeSet<&'static str>,
    callbacks: BTreeMap<&'static str, &'static str>,
}

const SCALARS: &[(&str, &str)] = &[
    ("ACCESS_MASK", "u32"),
    ("BOOLEAN", "u8"),
    ("CCHAR", "i8"),
    ("CHAR", "i8"),
    ("CSHORT", "i16"),
    ("GUID", "GUID"),
    ("HANDLE", "*mut c_void"),
    ("KAFFINITY", "usize"),
    ("KIRQL", "u8"),
    ("KPRIORITY", "i32"),
    ("KPROCESSOR_MODE", "i8"),
    ("KSPIN_LOCK", "usize"),
    ("LARGE_INTEGER", "LARGE_INTEGER"),
    ("LONG", "i32"),
    ("LONG64", "i64"),
    ("LONGLONG", "i64"),
    ("LONG_PTR", "isize"),
    ("LPCGUID", "*const GUID"),
    ("LPCSTR", "*const i8"),
    ("LPGUID", "*mut GUID"),
    ("NDIS_HANDLE", "*mut c_void"),
    ("NDIS_NIC_SWITCH_ID", "u32"),
    ("NDIS_NIC_SWITCH_VPORT_ID", "u32"),
    ("NDIS_OID", "u32"),
    ("NDIS_PORT_NUMBER", "u32"),
    ("NDIS_RSS_CAPS_FLAGS", "u32"),
    ("NDIS_STATUS", "i32"),
    ("NDIS_STRING", "UNICODE_STRING"),
    ("NET_IFINDEX", "u32"),
    ("NET_LUID_LH", "NET_LUID"),
    ("NTSTATUS", "i32"),
    ("PCHAR", "*mut i8"),
    ("PCSTR", "*const i8"),
    ("PCWSTR", "*const u16"),
    ("PHYSICAL_ADDRESS", "LARGE_INTEGER"),
    ("POOL_FLAGS", "u64"),
    ("POWER_STATE", "POWER_STATE"),
    ("PROCESSOR_NUMBER", "PROCESSOR_NUMBER"),
    ("PVOID", "*mut c_void"),
    ("PWCH", "*mut u16"),
    ("SINGLE_LIST_ENTRY", "SINGLE_LIST_ENTRY"),
    ("SIZE_T", "usize"),
    ("UCHAR", "u8"),
    ("UINT", "u32"),
    ("UINT32", "u32"),
    ("ULARGE_INTEGER", "ULARGE_INTEGER"),
    ("ULONG", "u32"),
    ("ULONG64", "u64"),
    ("ULONGLONG", "u64"),
    ("ULONG_PTR", "usize"),
    ("USHORT", "u16"),
    ("size_t", "usize"),
    ("unsigned char", "u8"),
    ("unsigned long", "u32"),
    ("unsigned short", "u16"),
    ("void", "()"),
];

/// Enumerations whose enumerators `enums.tsv` does not list.
const OTHER_ENUMS: &[&str] = &[
    "LOCK_OPERATION",
    "NDIS_PARAMETER_TYPE",
    "NDIS_MEDIA_CONNECT_STATE",
    "NDIS_MEDIA_DUPLEX_STATE",
    "NDIS_PHYSICAL_MEDIUM",
    "NDIS_RFC6877_464XLAT_OFFLOAD_OPTIONS",
    "NDIS_SUPPORTED_PAUSE_FUNCTIONS",
    "POWER_ACTION",
    "POWER_STATE_TYPE",
    "WORK_QUEUE_TYPE",
    "EX_POOL_PRIORITY",
];

/// Pointer typedefs that are not `P` and the name of what they point to.
const POINTERS: &[(&str, &str)] = &[
    ("PRKDPC", "KDPC *"),
    ("PRKEVENT", "KEVENT *"),
    ("PEX_SPIN_LOCK", "LONG *"),
    ("PCUNICODE_STRING", "const UNICODE_STRING *"),
    ("PCWDF_OBJECT_CONTEXT_TYPE_INFO", "const WDF_OBJECT_CONTEXT_TYPE_INFO *"),
    ("PNDIS_IO_WORKITEM_ROUTINE", "void *"),
];

impl Types {
    pub fn new() -> Self {
        Self {
            structs: structs().into_keys().collect(),
            enums: enums().into_keys().map(|(name, _)| name).collect(),
            callbacks: callbacks(),
        }
    }

    /// The Rust name of a C type, modules left out. A pointer to what is not bound is a `*mut c_void`.
    pub fn rust(&self, c_type: &str) -> String {
        let c_type = c_type.replace("volatile", "");
        let c_type = c_type.trim();
        if let Some((element, count)) = c_type.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            let count = if count.is_empty() { "0" } else { count };
            return format!("[{}; {count}]", self.rust(element));
        }
        if let Some((_, full)) = POINTERS.iter().find(|(name, _)| *name == c_type) {
            return self.rust(full);
        }
        if let Some(target) = c_type.strip_suffix('*') {
            let target = target.trim();
            let (mutability, target) = match target.strip_prefix("const ") {
                Some(target) => ("const", target),
                None => ("mut", target),
            };
            if let Some(prototype) = self.callbacks.get(target).filter(|prototype| prototype.ends_with(')')) {
                return format!("Option<{}>", self.signature(prototype));
            }
            let name = match self.known(plain(target)) {
                Some(name) if name != "()" => name,
                _ if target.starts_with('P') => self.rust(target),
                _ => "c_void".to_owned(),
            };
            return format!("*{mutability} {name}");
        }
        if let Some(name) = self.known(plain(c_type)) {
            return name;
        }
        if let Some(signature) = self.function_pointer(c_type) {
            return format!("Option<{signature}>");
        }
        match c_type.strip_prefix('P').and_then(|target| self.known(target)) {
            Some(target) => format!("*mut {target}"),
            None => "*mut c_void".to_owned(),
        }
    }

    fn known(&self, name: &str) -> Option<String> {
        if let Some((_, rust)) = SCALARS.iter().find(|(c, _)| *c == name) {
            Some((*rust).to_owned())
        } else if self.structs.contains(name) {
            Some(name.to_owned())
        } else if self.enums.contains(name) || OTHER_ENUMS.contains(&name) {
            Some("i32".to_owned())
        } else if name.starts_with("WDF") && !name.contains('_') || name.starts_with('P') && self.known_pointer(name) {
            Some(self.rust_pointer(name))
        } else {
            None
        }
    }

    /// Whether `name` is a `P` typedef of something known, as in `PVOID *` or `PMDL *`.
    fn known_pointer(&self, name: &str) -> bool {
        name[1..] != *"" && (self.structs.contains(&name[1..]) || SCALARS.iter().any(|(c, _)| *c == &name[1..]))
    }

    fn rust_pointer(&self, name: &str) -> String {
        if name.starts_with("WDF") {
            return "*mut c_void".to_owned();
        }
        format!("*mut {}", self.known(&name[1..]).expect("known"))
    }

    /// The signature behind a pointer typedef (`PFN_WDF_TIMER`, `FILTER_ATTACH_HANDLER`, `PDRIVER_CANCEL`).
    fn function_pointer(&self, name: &str) -> Option<String> {
        let target = match self.callbacks.get(name) {
            Some(target) => target.trim_end_matches("(*)").trim_end_matches('*').trim(),
            None => name.strip_prefix('P').filter(|target| self.callbacks.contains_key(target))?,
        };
        Some(self.signature(self.callbacks.get(target)?))
    }

    /// The Rust type of a function, from its C prototype (or the name of a callback that has one).
    pub fn signature(&self, prototype: &str) -> String {
        let prototype = prototype.split("__attribute__").next().unwrap_or("").trim();
        let Some((result, parameters)) = prototype.strip_suffix(')').and_then(|rest| rest.split_once('(')) else {
            return self.signature(self.callbacks[prototype]);
        };
        let parameters = parameters
            .split(',')
            .map(str::trim)
            .filter(|parameter| !parameter.is_empty() && *parameter != "void")
            .map(|parameter| self.rust(parameter))
            .collect::<Vec<_>>()
            .join(", ");
        let result = match self.rust(result).as_str() {
            "()" => String::new(),
            result => format!(" -> {result}"),
        };
        format!("unsafe extern \"efiapi\" fn({parameters}){result}")
    }
}

/// `struct _FOO` and `FOO` are the same.
fn plain(name: &str) -> &str {
    let name = name.trim();
    let tag = name.strip_prefix("struct ").or_else(|| name.strip_prefix("union "));
    tag.map_or(name, |tag| tag.trim_start_matches('_'))
}
