//! Criterion's estimates, read from its folder.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The benchmark's name, with its group.
    pub(crate) name: String,
    /// The median time of an iteration, in nanoseconds.
    pub(crate) median_ns: f64,
    /// The 95 % confidence interval of the median, in nanoseconds.
    pub(crate) interval_ns: (f64, f64),
    /// Elements per iteration, where the benchmark says so.
    pub(crate) elements: Option<f64>,
}

/// All estimates below `folder` that are not older than `since`, by name.
pub(crate) fn estimates(folder: &Path, since: SystemTime) -> Vec<Estimate> {
    let mut found = Vec::new();
    collect(folder, since, &mut found);
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn collect(folder: &Path, since: SystemTime, found: &mut Vec<Estimate>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
    {
        if path.ends_with("new") {
            found.extend(read(&path, since));
        } else {
            collect(&path, since, found);
        }
    }
}

fn read(folder: &Path, since: SystemTime) -> Option<Estimate> {
    let file = folder.join("estimates.json");
    if fs::metadata(&file).ok()?.modified().ok()? < since {
        return None;
    }
    let json = |path: &Path| serde_json::from_str::<Value>(&fs::read_to_string(path).ok()?).ok();
    let (estimates, benchmark) = (json(&file)?, json(&folder.join("benchmark.json"))?);
    let number = |path: &str| estimates.pointer(path)?.as_f64();
    let bound = |name: &str| number(&format!("/median/confidence_interval/{name}_bound"));
    Some(Estimate {
        name: benchmark.get("full_id")?.as_str()?.to_owned(),
        median_ns: number("/median/point_estimate")?,
        interval_ns: (bound("lower")?, bound("upper")?),
        elements: benchmark
            .pointer("/throughput/Elements")
            .and_then(Value::as_f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn estimates_of_this_run_are_found_at_any_depth() {
        let folder = tempfile::tempdir().expect("a folder");
        let new = folder.path().join("ring/fill/16/new");
        fs::create_dir_all(&new).expect("folders");
        let written = [
            (
                "benchmark.json",
                r#"{"full_id":"ring/fill/16","throughput":{"Elements":16}}"#,
            ),
            (
                "estimates.json",
                r#"{"median":{"point_estimate":32.0,"confidence_interval":{"lower_bound":31.0,"upper_bound":33.5}}}"#,
            ),
        ];
        for (name, text) in written {
            fs::write(new.join(name), text).expect("a file");
        }
        let now = SystemTime::now();
        let found = estimates(folder.path(), now - Duration::from_secs(60));
        let expected = Estimate {
            name: "ring/fill/16".to_owned(),
            median_ns: 32.0,
            interval_ns: (31.0, 33.5),
            elements: Some(16.0),
        };
        assert_eq!(found, [expected]);
        assert_eq!(estimates(folder.path(), now + Duration::from_secs(60)), []);
    }
}
