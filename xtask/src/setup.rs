//! `cargo xtask setup`, and the same before every other chore: lists all that is missing at once, and installs it where
//! it can, before any build script fails on it. Everything is said on stderr: stdout belongs to the chore that follows.

use std::process::ExitCode;

use crate::distribution::Family;
use crate::install::{self, Authority};
use crate::interop;
use crate::machine;
use crate::requirement::{ALL, PROGRAM, Requirement};

/// `setup [--check | --interop]`. With `--check` the exit code tells whether something is missing.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    match args {
        [] => {
            ensure_for_tests()?;
            report();
            Ok(ExitCode::SUCCESS)
        }
        [flag] if flag == "--check" => Ok(if report() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }),
        [flag] if flag == "--interop" => interop::ensure_peers().map(|()| ExitCode::SUCCESS),
        _ => Err("setup takes no argument but --check or --interop".to_owned()),
    }
}

/// Sees to it that everything the build needs is installed; says nothing if it is.
pub(crate) fn ensure() -> Result<(), String> {
    install_missing("to build xskit", &for_builds())
}

/// The same for the tests, which need more.
pub(crate) fn ensure_for_tests() -> Result<(), String> {
    install_missing("to build and test xskit", &all())
}

/// Sees to it that what a single chore needs besides is installed; says nothing if it is.
pub(crate) fn ensure_also(wanted: &[&'static Requirement]) -> Result<(), String> {
    install_missing("for this chore", wanted)
}

fn install_missing(to_do: &str, wanted: &[&'static Requirement]) -> Result<(), String> {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Missing {to_do}:");
    for requirement in &missing {
        eprintln!("  {}: {}", requirement.name, requirement.purpose);
    }
    let family = Family::detect();
    eprintln!("{}", advice(&missing, family));
    let authority =
        match family {
            Some(Family::Debian) => Authority::detect()
                .ok_or("installing needs root, or sudo: type the line above, then this again")?,
            _ => return Err(
                "only apt-get is driven from here: install what is missing, then run this again"
                    .to_owned(),
            ),
        };
    install::by_apt(authority, &[], &packages(&missing, Family::Debian))?;
    match self::missing(wanted).as_slice() {
        [] => Ok(()),
        left => Err(format!(
            "still missing after the installation: {}",
            names(left)
        )),
    }
}

/// Lists every requirement with its state, then what running will lack. True if nothing is missing to build and test.
fn report() -> bool {
    for requirement in all() {
        let state = if requirement.probe.is_met() {
            "found  "
        } else {
            "MISSING"
        };
        eprintln!("{state}  {:<26} {}", requirement.name, requirement.purpose);
    }
    for note in machine::notes() {
        eprintln!("note: {note}");
    }
    let missing = missing(&all());
    if missing.is_empty() {
        eprintln!("Everything that building and testing needs is here.");
    } else {
        eprintln!("{}", advice(&missing, Family::detect()));
    }
    missing.is_empty()
}

fn for_builds() -> Vec<&'static Requirement> {
    ALL.iter().collect()
}

fn all() -> Vec<&'static Requirement> {
    ALL.iter().chain(PROGRAM.iter().copied()).collect()
}

fn missing(wanted: &[&'static Requirement]) -> Vec<&'static Requirement> {
    let wanted = wanted.iter().copied();
    wanted
        .filter(|requirement| !requirement.probe.is_met())
        .collect()
}

fn names(missing: &[&Requirement]) -> String {
    missing
        .iter()
        .map(|requirement| requirement.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The packages that hold what is missing, each once, in the order of the table.
fn packages(missing: &[&Requirement], family: Family) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for package in missing
        .iter()
        .flat_map(|requirement| requirement.packages(family))
    {
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    packages
}

/// The command to type; for a distribution that isn't known, Debian's package names as a hint.
fn advice(missing: &[&Requirement], family: Option<Family>) -> String {
    match family {
        Some(family) => {
            format!(
                "Install with: {} {}",
                family.install_command(),
                packages(missing, family).join(" ")
            )
        }
        None => format!(
            "This distribution isn't known here. On Debian the packages are: {}",
            packages(missing, Family::Debian).join(" ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{advice, all, packages};
    use crate::distribution::Family;

    #[test]
    fn a_package_that_meets_two_requirements_is_named_once() {
        let names = packages(&all(), Family::Arch);
        assert_eq!(names.iter().filter(|name| **name == "gcc").count(), 1);
        assert_eq!(names.iter().filter(|name| **name == "clang").count(), 1);
    }

    #[test]
    fn the_advice_can_be_typed_as_it_stands() {
        let clang: Vec<_> = all()
            .into_iter()
            .filter(|requirement| requirement.name == "libclang")
            .collect();
        let text = |family| advice(&clang, family);
        assert!(
            text(Some(Family::Debian))
                .ends_with("apt-get install --no-install-recommends libclang-dev")
        );
        assert!(text(Some(Family::Fedora)).ends_with("dnf install clang-devel"));
        assert!(text(None).ends_with("libclang-dev"));
    }
}
