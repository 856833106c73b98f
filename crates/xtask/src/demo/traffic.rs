//! Real programs that talk over the wire: a web server and its clients in both directions, DNS, ping, over IPv4 and IPv6,
//! and tagged frames of VLANs.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::host::{Host, Running};

/// Bytes of the file that is fetched in each direction.
pub const FILE_BYTES: usize = 20 << 20;
/// The addresses of a host.
struct Addresses {
    v4: &'static str,
    v6: &'static str,
}

/// IPv4 address of host A.
pub const ADDRESS_A: &str = "10.77.0.1";
/// IPv4 address of host B.
pub const ADDRESS_B: &str = "10.77.0.2";
const A: Addresses = Addresses { v4: ADDRESS_A, v6: "fd77::1" };
const B: Addresses = Addresses { v4: ADDRESS_B, v6: "fd77::2" };

/// Brings an interface up with IPv4 only: nothing is sent yet.
pub fn bring_up(host: &Host, interface: &str, a: bool) -> Result<()> {
    let own = if a { A } else { B };
    host.run(&["ip", "link", "set", "lo", "up"])?;
    host.run(&["ip", "link", "set", interface, "txqueuelen", "20000", "up"])?;
    host.run(&["ip", "addr", "add", &format!("{}/24", own.v4), "dev", interface])?;
    Ok(())
}

/// Adds IPv6, with which the interface begins to speak by itself.
fn add_v6(host: &Host, interface: &str, own: &Addresses) -> Result<()> {
    host.set(&format!("ipv6/conf/{interface}/disable_ipv6"), "0")?;
    host.run(&["ip", "addr", "add", &format!("{}/64", own.v6), "dev", interface, "nodad"])?;
    Ok(())
}

/// Ends what an interface says by itself, so that the last frame has been sent when this returns.
pub fn quiesce(host: &Host, interface: &str) -> Result<()> {
    host.set(&format!("ipv6/conf/{interface}/disable_ipv6"), "1")?;
    host.run(&["ip", "addr", "flush", "dev", interface])?;
    host.run(&["ip", "link", "set", interface, "arp", "off"])?;
    Ok(())
}

/// Runs it all; fails where a program did not get what it should.
pub fn run(folder: &Path, a: (&Host, &str), b: (&Host, &str)) -> Result<()> {
    let served = folder.join("served");
    fs::create_dir_all(&served)?;
    fs::write(served.join("file"), contents(FILE_BYTES))?;
    fs::write(served.join("small"), contents(1 << 20))?;
    let dns = folder.join("dns.py");
    fs::write(&dns, include_str!("dns.py"))?;
    let vlan = folder.join("vlan.py");
    fs::write(&vlan, include_str!("vlan.py"))?;
    let (served, dns, vlan) = (text(&served)?, text(&dns)?, text(&vlan)?);

    add_v6(a.0, a.1, &A)?;
    add_v6(b.0, b.1, &B)?;
    let _servers = [
        web(b.0, served, B.v4)?,
        web(b.0, served, B.v6)?,
        web(a.0, served, A.v4)?,
        b.0.start(&["python3", dns, "serve", B.v4])?,
        b.0.start(&["python3", dns, "serve", B.v6])?,
        b.0.start(&["python3", vlan, "echo", b.1])?,
    ];
    ping(a.0, B.v4, "56")?;
    ping(b.0, A.v4, "1472")?;
    ping(a.0, B.v6, "1000")?;
    // More than one frame holds: fragments.
    ping(a.0, B.v4, "6000")?;

    fetch(a.0, B.v4, "file", FILE_BYTES)?;
    fetch(b.0, A.v4, "file", FILE_BYTES)?;
    fetch(a.0, B.v6, "small", 1 << 20)?;
    for address in [B.v4, B.v6] {
        a.0.run(&["python3", dns, "ask", address, "200"])?;
    }
    a.0.run(&["python3", vlan, "ask", a.1, "500"])?;
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

fn web(host: &Host, folder: &str, address: &str) -> Result<Running> {
    host.start(&["python3", "-m", "http.server", "--bind", address, "--directory", folder, "8000"])
}

fn ping(host: &Host, address: &str, size: &str) -> Result<()> {
    host.run(&["ping", "-q", "-c", "20", "-i", "0.02", "-W", "5", "-s", size, address])?;
    Ok(())
}

/// Fetches a file, and looks whether it is the one that was served.
fn fetch(host: &Host, address: &str, file: &str, bytes: usize) -> Result<()> {
    let host_part = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let url = format!("http://{host_part}:8000/{file}");
    let output = host
        .command("curl")
        .args(["-s", "-S", "-f", "-g", "--retry", "20", "--retry-delay", "1", "--retry-connrefused", &url])
        .output()
        .context("curl")?;
    ensure!(output.status.success(), "curl {url}: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.stdout == contents(bytes), "curl {url}: not the file that was served");
    Ok(())
}

/// Bytes that do not repeat soon.
fn contents(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(bytes)
    .collect()
}
