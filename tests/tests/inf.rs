//! The INF installs the driver under the names that the driver's source gives to NDIS (rule V11).

// The driver's own file: the driver does not build for this machine, its names do.
#[allow(dead_code, reason = "not every name of the driver is in the INF")]
#[path = "../../src/names.rs"]
mod names;

use std::collections::BTreeMap;
use std::path::Path;

type Sections = BTreeMap<String, Vec<String>>;

/// The INF's sections, each with its lines: no comments, no white space but within quotes.
fn sections() -> Sections {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inf/nblease.inx");
    let text = std::fs::read_to_string(path).expect("inf/nblease.inx");
    let mut sections = Sections::new();
    let mut current = String::new();
    for line in text.lines() {
        let line = compact(line);
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            current = String::from(name);
            assert!(sections.insert(current.clone(), Vec::new()).is_none(), "section {name} twice");
        } else if !line.is_empty() {
            sections.get_mut(&current).expect("lines are in sections").push(line);
        }
    }
    sections
}

fn compact(line: &str) -> String {
    let mut result = String::new();
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => break,
            _ => {}
        }
        if is_quoted || !character.is_whitespace() {
            result.push(character);
        }
    }
    result
}

/// The value of `key=` in a section, without quotes.
fn value<'a>(sections: &'a Sections, section: &str, key: &str) -> &'a str {
    let lines = sections.get(section).unwrap_or_else(|| panic!("no section {section}"));
    let line = lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {key} in {section}")).trim_matches('"')
}

/// The install sections that the models name.
fn installs(sections: &Sections) -> Vec<String> {
    let models = sections.iter().filter(|(name, _)| name.starts_with("Standard."));
    let entries = models.flat_map(|(_, lines)| lines);
    entries.map(|line| line.split(['=', ',']).nth(1).expect("an install section").to_owned()).collect()
}

#[test]
fn every_install_has_the_drivers_unique_name() {
    let sections = sections();
    let installs = installs(&sections);
    assert_eq!(installs.len(), 2, "one for each place that the image may run from");
    for install in installs {
        assert_eq!(value(&sections, &install, "NetCfgInstanceId"), names::UNIQUE_NAME);
        assert_eq!(value(&sections, &install, "Characteristics"), "0x40000");
    }
}

#[test]
fn every_install_adds_and_removes_the_drivers_service() {
    let sections = sections();
    for install in installs(&sections) {
        let added = value(&sections, &format!("{install}.Services"), "AddService");
        let (service, section) = added.split_once(",,").expect("a service and its section");
        assert_eq!(service, names::SERVICE_NAME);
        let removed = value(&sections, &format!("{install}.Remove.Services"), "DelService");
        assert_eq!(removed, format!("{},0x200", names::SERVICE_NAME));
        let binary = value(&sections, section, "ServiceBinary");
        let (directory, file) = binary.rsplit_once('\\').expect("a path");
        assert_eq!(file, "nblease.sys");
        // The file is copied to where the service looks for it.
        let copied = value(&sections, &install, "CopyFiles");
        assert_eq!(directory, format!("%{}%", value(&sections, "DestinationDirs", copied)));
        assert_eq!(value(&sections, section, "LoadOrderGroup"), "NDIS");
    }
}

#[test]
fn ndi_key_names_the_service_and_an_optional_modifying_filter() {
    let sections = sections();
    let ndi = &sections["Ndi"];
    let service = names::SERVICE_NAME;
    for line in [
        format!("HKR,Ndi,Service,,\"{service}\""),
        format!("HKR,Ndi,CoServices,0x10000,\"{service}\""),
        "HKR,Ndi,FilterClass,,custom".to_owned(),
        "HKR,Ndi,FilterType,0x10001,2".to_owned(),
        "HKR,Ndi,FilterRunType,0x10001,2".to_owned(),
        "HKR,Ndi\\Interfaces,UpperRange,,\"noupper\"".to_owned(),
        "HKR,Ndi\\Interfaces,LowerRange,,\"nolower\"".to_owned(),
        "HKR,Ndi\\Interfaces,FilterMediaTypes,,\"ethernet\"".to_owned(),
    ] {
        assert!(ndi.contains(&line), "the Ndi section lacks {line}");
    }
}

#[test]
fn nothing_is_written_outside_the_components_own_keys() {
    let sections = sections();
    for root in ["HKLM", "HKCR", "HKCU", "HKU"] {
        let lines = sections.values().flatten();
        assert_eq!(lines.filter(|line| line.starts_with(root)).count(), 0, "{root}");
    }
}
