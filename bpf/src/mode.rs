//! The mode of a program on an interface: as asked for, as obtained, and as found.

use std::fmt;

use libbpf_rs::libbpf_sys::{XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};

/// The mode to ask for.
#[doc(alias = "xdp_attach_mode")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AttachMode {
    /// Native, or generic if the driver can't.
    #[doc(alias = "XDP_MODE_UNSPEC")]
    #[default]
    Auto,
    /// In the driver, before the kernel builds an `sk_buff`.
    #[doc(alias = "XDP_MODE_NATIVE")]
    #[doc(alias = "XDP_FLAGS_DRV_MODE")]
    Native,
    /// In the kernel's stack: with every driver, but each packet costs an `sk_buff` and often a
    /// copy.
    #[doc(alias = "XDP_MODE_SKB")]
    #[doc(alias = "XDP_FLAGS_SKB_MODE")]
    Generic,
}

/// The mode that was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachedMode {
    /// In the driver.
    Native,
    /// In the kernel's stack.
    Generic,
}

impl AttachedMode {
    /// As `bpf(BPF_LINK_CREATE)` takes it.
    pub(crate) fn flags(self) -> u32 {
        match self {
            Self::Native => XDP_FLAGS_DRV_MODE,
            Self::Generic => XDP_FLAGS_SKB_MODE,
        }
    }
}

impl fmt::Display for AttachedMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// The mode of a program that was found on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OccupantMode {
    /// In the driver.
    Native,
    /// In the kernel's stack.
    Generic,
    /// In the hardware.
    Offloaded,
    /// Several programs at once, in the driver or the stack and in the hardware. The other fields
    /// are those of one of them.
    Several,
}

impl OccupantMode {
    /// The word of `ip link set`. Plain `xdp` means native wherever the driver has it.
    pub(crate) fn ip_word(self) -> &'static str {
        match self {
            Self::Native => "xdpdrv",
            Self::Generic => "xdpgeneric",
            Self::Offloaded => "xdpoffload",
            Self::Several => "xdp",
        }
    }
}

impl fmt::Display for OccupantMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offloaded => "offloaded",
            Self::Several => "one of several",
        })
    }
}
