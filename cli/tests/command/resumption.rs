//! Downloads that broke off, and are continued.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::disk::Disk;
use crate::process::Outcome;
use crate::scene::{SHORT, Scene, mixed};
use crate::traces::names_in;

/// SHA-256, as reports have it.
pub(crate) fn hash(file: &[u8]) -> String {
    let hash = Sha256::digest(file);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A download that broke off in the middle because the disk was full, which now has room.
struct BrokenOff<'a> {
    scene: &'a Scene,
    disk: Disk,
    file: Vec<u8>,
}

impl<'a> BrokenOff<'a> {
    const NAME: &'static str = "mixed";
    const KEPT: usize = 4 << 20;

    fn new(scene: &'a Scene) -> Self {
        let disk = Disk::new(Self::KEPT as u64);
        let file = Self::version(1);
        fs::write(scene.root().join(Self::NAME), &file).unwrap();
        let broken_off = Self { scene, disk, file };
        broken_off.get("").refused(&[
            "No space left on device",
            &format!("the first {} bytes are kept in", Self::KEPT),
            "-C continues from there",
        ]);
        broken_off.disk.resize(16 << 20);
        broken_off
    }

    /// A file's content, and another for another number.
    fn version(number: u64) -> Vec<u8> {
        mixed(number, Self::KEPT + 500_000)
    }

    fn output(&self) -> PathBuf {
        self.disk.path().join(Self::NAME)
    }

    fn append_to_partial(&self, bytes: &[u8]) {
        let partial = self.disk.path().join(format!("{}.part", Self::NAME));
        let mut partial = File::options().append(true).open(partial).unwrap();
        partial.write_all(bytes).unwrap();
    }

    fn get(&self, more: &str) -> Outcome {
        let get = self.scene.get_into(&self.output(), Self::NAME, more);
        get.run()
    }

    /// Continues, which has to end with `file`. Returns what is said, and the report.
    #[track_caller]
    fn go_on(&self, file: &[u8]) -> (String, Value) {
        let outcome = self.get("-C");
        let report = outcome.json();
        assert_eq!(report["sha256"], hash(file), "{report:#}");
        assert_eq!(report["bytes"], file.len(), "{report:#}");
        assert!(fs::read(self.output()).unwrap() == file);
        assert_eq!(names_in(&self.disk.path()), [Self::NAME]);
        (outcome.said(), report)
    }
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let download = BrokenOff::new(&scene);
    let (said, report) = download.go_on(&download.file);
    assert_eq!(said, "");
    assert_eq!(report["kept_bytes"], BrokenOff::KEPT, "{report:#}");
    // Of all of it there would be more, in both directions together.
    let least = download.file.len() / 1_500;
    assert!(
        report["packets"].as_u64() < Some(least as u64),
        "{report:#}"
    );
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_download_of_another_version_begins_anew() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let download = BrokenOff::new(&scene);
    let new = BrokenOff::version(2);
    fs::write(scene.root().join(BrokenOff::NAME), &new).unwrap();
    let (said, report) = download.go_on(&new);
    assert!(
        said.contains("starts over: the server has another version"),
        "{said}"
    );
    assert_eq!(report["kept_bytes"], 0, "{report:#}");
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_download_that_lacks_no_byte_is_found_to_be_whole() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let download = BrokenOff::new(&scene);
    download.append_to_partial(&download.file[BrokenOff::KEPT..]);
    let (_, report) = download.go_on(&download.file);
    assert_eq!(report["kept_bytes"], download.file.len(), "{report:#}");
    // One byte too many: no rest of this version goes with that.
    let download = BrokenOff::new(&scene);
    download.append_to_partial(&download.file[BrokenOff::KEPT - 1..]);
    let (said, report) = download.go_on(&download.file);
    assert!(said.contains("starts over"), "{said}");
    assert_eq!(report["kept_bytes"], 0, "{report:#}");
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn what_no_download_left_is_not_gone_on_with() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let partial = scene.out().join("short.part");
    fs::write(&partial, "the user's own").unwrap();
    let outcome = scene.get(SHORT.0, "-C").run();
    outcome.refused(&["short.part exists already, and may be yours", "rename"]);
    assert_eq!(fs::read(&partial).unwrap(), b"the user's own");
    fs::remove_file(&partial).unwrap();

    let disk = Disk::without_attributes();
    let output = disk.path().join("x");
    let get = || scene.get_into(&output, SHORT.0, "-C").run();
    let outcome = get();
    assert_eq!(outcome.json()["bytes"], SHORT.1);
    assert!(outcome.stderr.contains("-C can't continue"), "{outcome:#?}");
    fs::write(disk.path().join("x.part"), "whoever's").unwrap();
    get().refused(&["may be yours", "its file system has no extended attributes"]);
    assert_eq!(fs::read(disk.path().join("x.part")).unwrap(), b"whoever's");
    server.interrupt().json();
    scene.assert_left(&[]);
}
