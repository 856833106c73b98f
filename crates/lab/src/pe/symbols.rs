//! Names for offsets in an image, from the map file that the linker wrote beside it (`lld-link /map`).

use std::path::Path;

/// (offset in the image, name), ascending. Empty where there is no map file.
pub fn read(driver: &Path) -> Vec<(usize, String)> {
    std::fs::read_to_string(driver.with_extension("map")).map(|text| parse(&text)).unwrap_or_default()
}

/// Reads lines of the form ` 0001:00000010  name  0000000180001010  object`.
fn parse(text: &str) -> Vec<(usize, String)> {
    let base = text.lines().find_map(|line| {
        let (_, address) = line.split_once("Preferred load address is ")?;
        usize::from_str_radix(address.trim(), 16).ok()
    });
    let Some(base) = base else { return Vec::new() };
    let mut symbols: Vec<_> = text.lines().filter_map(|line| symbol(line, base)).collect();
    symbols.sort();
    symbols.dedup_by_key(|(offset, _)| *offset);
    symbols
}

fn symbol(line: &str, base: usize) -> Option<(usize, String)> {
    let mut words = line.split_whitespace();
    let (segment, offset) = words.next()?.split_once(':')?;
    u16::from_str_radix(segment, 16).ok().filter(|segment| *segment != 0)?;
    u32::from_str_radix(offset, 16).ok()?;
    let name = words.next()?;
    let address = usize::from_str_radix(words.next()?, 16).ok()?;
    Some((address.checked_sub(base)?, format!("{:#}", rustc_demangle::demangle(name))))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_map_of_lld_is_read() {
        let text = "\
 nblease

 Preferred load address is 0000000140000000

 Start         Length     Name                   Class
 0001:00000000 0000abcdH .text                   CODE

  Address         Publics by Value              Rva+Base               Lib:Object

 0000:00000000       __guard_flags              0000000000000000     <absolute>
 0001:00000020       _RNvCs1234_7nblease5entry  0000000140001020     nblease.o
 0001:00000000       DriverEntry                0000000140001000     nblease.o
";
        let expected = [(0x1000, "DriverEntry".to_owned()), (0x1020, "nblease::entry".to_owned())];
        assert_eq!(parse(text), expected);
    }
}
