//! Making an input that fails shorter: libFuzzer leaves one file a step, the shortest of which is wanted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{GRACE, folder, log, made, watch};

/// Runs `libfuzzer` on `file` for this long, or a little longer, and puts the shortest input found beside it.
pub(super) fn run(mut libfuzzer: Command, file: &Path, time: Duration) -> Result<PathBuf, String> {
    let steps = folder().join("minimise");
    // Of an earlier run; mostly there is none.
    let _ = fs::remove_dir_all(&steps);
    let steps = made(steps)?;
    libfuzzer
        .arg("-minimize_crash=1")
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-artifact_prefix={}/", steps.display()))
        .arg(file);
    let log = log("minimise")?;
    println!("minimising; log in {}", log.display());
    let beat = |_: &str| match shortest(&steps) {
        Some((len, _)) => format!("{len} bytes"),
        None => "not shorter yet".to_owned(),
    };
    watch::run(&mut libfuzzer, &log, time + GRACE, beat)
        .map_err(|error| format!("{libfuzzer:?} can't be run: {error}"))?;
    let (_, found) = shortest(&steps).ok_or_else(|| {
        format!(
            "no shorter input was found; {} says whether this one fails at all",
            log.display()
        )
    })?;
    let mut target = file.as_os_str().to_owned();
    target.push(".min");
    fs::copy(&found, &target)
        .map_err(|error| format!("{} can't be copied: {error}", found.display()))?;
    Ok(target.into())
}

fn shortest(folder: &Path) -> Option<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let sized = entries.filter_map(|entry| Some((entry.metadata().ok()?.len(), entry.path())));
    sized.min()
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::process::Command;
    use std::time::Duration;
    use std::{env, fs, process};

    /// A shell in the place of libFuzzer, which writes two steps where it is told.
    #[test]
    fn the_shortest_step_is_kept() {
        let file = env::temp_dir().join(format!("xskit-minimise-{}", process::id()));
        fs::write(&file, "as found").expect("a file");
        let mut libfuzzer = Command::new("sh");
        let script = "prefix=${3#*=}; printf abc > ${prefix}b; printf abcd > ${prefix}a; exit 1";
        libfuzzer.args(["-c", script, "sh"]);
        let shorter = run(libfuzzer, &file, Duration::from_secs(1)).expect("there are two");
        assert_eq!(fs::read(&shorter).expect("it is there"), b"abc");
        fs::remove_file(&shorter).expect("it can be removed");
        fs::remove_file(&file).expect("it can be removed");
    }
}
