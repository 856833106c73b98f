//! Names for offsets in an image, from the map file that the linker wrote beside it: `lld-link /map` or Microsoft's
//! `link /MAP`, whose lines are alike but for flags behind the address and for a list of static symbols at the end.

use std::{fs, path::Path};

/// (offset in the image, name), ascending. Empty where there is no map file.
pub fn read(driver: &Path) -> Vec<(usize, String)> {
    let wanted = driver.with_extension("map");
    // Names of files from Windows may differ in case; those of object files in a map need not be UTF-8.
    let is_wanted =
        |name: &Path| name.file_name().zip(wanted.file_name()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    let folder = driver.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let bytes = fs::read(&wanted).ok().or_else(|| fs::read(files.into_iter().find(|file| is_wanted(file))?).ok());
    bytes.map(|bytes| parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default()
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

    #[test]
    fn a_map_of_microsofts_linker_is_read() {
        let text = " filter\r
\r
 Timestamp is 65a1b2c3 (Fri Jan 12 21:44:03 2024)\r
\r
 Preferred load address is 0000000140000000\r
\r
 Start         Length     Name                   Class\r
 0001:00000000 000012a0H .text                   CODE\r
 0002:00000000 000000b8H .idata$5                DATA\r
\r
  Address         Publics by Value              Rva+Base               Lib:Object\r
\r
 0000:00000000       __ImageBase                0000000140000000     <linker-defined>\r
 0001:00000000       FilterRegisterDevice       0000000140001000 f   device.obj\r
 0001:000000f0       FilterDeregisterDevice     00000001400010f0 f i device.obj\r
 0002:00000000       __imp_NdisFOidRequest      0000000140003000     ndis:NDIS.SYS\r
\r
 entry point at        0001:00001200\r
\r
 Static symbols\r
\r
 0001:00000060       send_one                   0000000140001060 f   filter.obj\r
";
        let names = ["FilterRegisterDevice", "send_one", "FilterDeregisterDevice", "__imp_NdisFOidRequest"];
        let expected: Vec<_> = [0x1000, 0x1060, 0x10f0, 0x3000].into_iter().zip(names.map(str::to_owned)).collect();
        assert_eq!(parse(text), expected);
    }
}
