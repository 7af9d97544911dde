//! Which Linux distribution this is, and how it installs packages. Source: os-release(5).

use std::fs;

/// Distributions that share package names and a package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    Fedora,
    Arch,
    Suse,
}

impl Family {
    /// The family of the running system, by `ID`, or else by the first known word of `ID_LIKE`.
    pub(crate) fn detect() -> Option<Self> {
        ["/etc/os-release", "/usr/lib/os-release"]
            .into_iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .and_then(|text| Self::from_os_release(&text))
    }

    fn from_os_release(text: &str) -> Option<Self> {
        let field = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| *name == key)
                .map_or("", |(_, value)| value.trim().trim_matches(['"', '\'']))
        };
        let likes = field("ID_LIKE").split_whitespace();
        [field("ID")]
            .into_iter()
            .chain(likes)
            .find_map(Self::from_id)
    }

    fn from_id(id: &str) -> Option<Self> {
        match id {
            "debian" | "ubuntu" => Some(Self::Debian),
            "fedora" | "rhel" | "centos" => Some(Self::Fedora),
            "arch" => Some(Self::Arch),
            "suse" | "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" => Some(Self::Suse),
            _ => None,
        }
    }

    /// The command that installs packages, to be followed by their names.
    pub(crate) fn install_command(self) -> &'static str {
        match self {
            Self::Debian => "apt-get install --no-install-recommends",
            Self::Fedora => "dnf install",
            Self::Arch => "pacman -S --needed",
            Self::Suse => "zypper install",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Family;

    #[test]
    fn id_is_preferred_and_id_like_is_the_fall_back() {
        let family = Family::from_os_release;
        assert_eq!(family("NAME=\"Debian\"\nID=debian\n"), Some(Family::Debian));
        assert_eq!(
            family("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"),
            Some(Family::Debian)
        );
        assert_eq!(
            family("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            Some(Family::Fedora)
        );
        assert_eq!(
            family("ID='opensuse-leap'\nID_LIKE='suse opensuse'\n"),
            Some(Family::Suse)
        );
        assert_eq!(family("ID=fedora\nID_LIKE=debian\n"), Some(Family::Fedora));
        assert_eq!(family("VERSION_ID=debian\nID=plan9\n"), None);
        assert_eq!(family(""), None);
    }
}
