//! Hands the WDK's configuration (`[package.metadata.wdk]`) to the linker and links NDIS.

fn main() -> Result<(), wdk_build::ConfigError> {
    println!("cargo::rustc-link-lib=ndis");
    wdk_build::configure_wdk_binary_build()
}
