//! The machines that the driver is built for, by the names that each tool has for them.

use clap::ValueEnum;

/// A processor architecture of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// AMD64
    X64,
    /// ARM64
    Arm64,
}

impl Arch {
    /// Our name for it, as of folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name of the WDK's library folders.
    pub fn wdk_name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "ARM64",
        }
    }

    /// The target of rustc and clang.
    pub fn triple(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-pc-windows-msvc",
            Self::Arm64 => "aarch64-pc-windows-msvc",
        }
    }

    /// The `-m` of dlltool.
    pub fn dlltool_machine(self) -> &'static str {
        match self {
            Self::X64 => "i386:x86-64",
            Self::Arm64 => "arm64",
        }
    }

    /// What the WDK's project files define for a compiler.
    pub fn defines(self) -> &'static [&'static str] {
        match self {
            Self::X64 => &["-D_WIN64", "-D_AMD64_", "-DAMD64"],
            Self::Arm64 => &["-D_ARM64_", "-DARM64"],
        }
    }
}
