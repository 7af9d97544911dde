use super::*;
use std::fs;
use std::io::Read;
use std::iter;
use std::os::unix::fs::symlink;

use rustix::fs::{Mode, OFlags, inotify};
use rustix::io::Errno;

use crate::files::open::OPENED;

fn tree() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("sub/empty")).unwrap();
    fs::write(dir.path().join("secret"), "outside").unwrap();
    fs::write(root.join("a b.txt"), "hello").unwrap();
    fs::write(root.join("sub/index.html"), "<p>").unwrap();
    fs::write(root.join("%41"), "percent").unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink("a b.txt", root.join("inside")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    let opened = Root::open(&root).unwrap();
    (dir, opened)
}

impl Root {
    fn document(&self, request_path: &str) -> Result<Document, Missing> {
        match self.find(request_path, iter::empty())? {
            Found::Document(document) => Ok(document),
            Found::Directory(to) => panic!("{request_path}: sent to {to}"),
        }
    }
}

#[test]
fn documents_are_found() {
    let (_dir, root) = tree();
    let file = root.document("/a%20b.txt?x=1#y").unwrap();
    assert_eq!(
        (file.size, file.content_type.as_str()),
        (5, "text/plain; charset=utf-8")
    );
    assert_eq!(root.document("//a b.txt").unwrap().size, 5);
    assert_eq!(root.document("/inside").unwrap().size, 5);
    assert_eq!(root.document("/sub/../a b.txt").unwrap().size, 5);
    for directory in ["/sub/", "/sub/empty/../"] {
        let index = root.document(directory).unwrap();
        assert_eq!(
            index.content_type, "text/html; charset=utf-8",
            "{directory}"
        );
    }
}

#[test]
fn a_directory_without_its_slash_is_elsewhere() {
    let (_dir, root) = tree();
    let to = |path| match root.find(path, iter::empty()) {
        Ok(Found::Directory(to)) => to,
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(to("/sub?x=/y"), "/sub/?x=/y");
    assert_eq!(to("//sub"), "/sub/");
    assert_eq!(to("/sub/empty/.."), "/sub/empty/../");
    for (path, why) in [
        ("/../root/sub", Missing::Forbidden),
        ("//evil.test/..", Missing::NotFound),
        ("/sub/empty", Missing::NotFound),
    ] {
        assert_eq!(root.find(path, iter::empty()).unwrap_err(), why, "{path}");
    }
}

#[test]
fn a_root_that_is_switched_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    for release in ["one", "two"] {
        fs::create_dir(dir.path().join(release)).unwrap();
        fs::write(dir.path().join(release).join("v"), release).unwrap();
    }
    let switch = |to: &str| {
        symlink(to, dir.path().join("next")).unwrap();
        fs::rename(dir.path().join("next"), dir.path().join("current")).unwrap();
    };
    switch("one");
    let root = Root::open(&dir.path().join("current")).unwrap();
    let read = || {
        let mut text = String::new();
        let document = root.document("/v").unwrap();
        fs::File::from(document.fd)
            .read_to_string(&mut text)
            .unwrap();
        (text, document.etag)
    };
    let (text, tag) = read();
    assert_eq!(text, "one");
    switch("two");
    let (text, other) = read();
    assert_eq!(text, "two");
    assert_ne!(tag, other, "of the same size and date, perhaps");
    switch("nowhere");
    assert_eq!(read().0, "two", "the old one, rather than none");
    switch("one");
    assert_eq!(read(), ("one".to_owned(), tag));
}

#[test]
fn names_with_a_dot_are_served_on_request() {
    let (dir, root) = tree();
    let at = dir.path().join("root");
    fs::create_dir(at.join(".well-known")).unwrap();
    for name in [".env", ".well-known/x", ".well-known/.y"] {
        fs::write(at.join(name), "x").unwrap();
    }
    assert_eq!(root.document("/.env").unwrap_err(), Missing::NotFound);
    assert_eq!(root.document("/%2Eenv").unwrap_err(), Missing::NotFound);
    assert_eq!(
        root.document("/.well-known/.y").unwrap_err(),
        Missing::NotFound
    );
    assert!(root.document("/.well-known/x").is_ok());
    let root = root.with_dotfiles(true);
    assert!(root.document("/.env").is_ok() && root.document("/.well-known/.y").is_ok());
}

#[test]
fn what_is_no_file_is_not_opened() {
    let (dir, root) = tree();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    let fifo = dir.path().join("root/fifo");
    inotify::add_watch(&watch, &fifo, inotify::WatchFlags::OPEN).unwrap();
    let mut events = [0; 4096];
    assert_eq!(root.document("/fifo").unwrap_err(), Missing::NotFound);
    let opened = rustix::io::read(&watch, &mut events);
    assert_eq!(opened, Err(Errno::AGAIN), "the FIFO was opened");
    // The watch works.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    rustix::fs::open(&fifo, flags, Mode::empty()).unwrap();
    assert!(rustix::io::read(&watch, &mut events).unwrap() > 0);
}

#[test]
fn what_was_a_file_may_be_something_else_since() {
    let (dir, root) = tree();
    let at = dir.path().join("root/%41");
    let ask = || root.find("/%2541", iter::empty());
    assert!(matches!(ask(), Ok(Found::Document(_))));
    fs::remove_file(&at).unwrap();
    assert_eq!(ask().unwrap_err(), Missing::NotFound);
    rustix::fs::mkfifoat(rustix::fs::CWD, &at, Mode::RUSR | Mode::WUSR).unwrap();
    let before = OPENED.get();
    assert_eq!(ask().unwrap_err(), Missing::NotFound);
    assert_eq!(OPENED.get(), before + 1, "more than looked at");
    fs::remove_file(&at).unwrap();
    fs::create_dir(&at).unwrap();
    fs::write(at.join("index.html"), "<p>").unwrap();
    assert!(matches!(ask(), Ok(Found::Directory(_))));
    fs::remove_dir_all(&at).unwrap();
    fs::write(&at, "other").unwrap();
    assert!(matches!(ask(), Ok(Found::Document(file)) if file.size == 5));
}

#[test]
fn decoding_happens_once() {
    let (_dir, root) = tree();
    assert_eq!(root.document("/%2541").unwrap().size, 7);
    assert_eq!(
        root.document("/%252e%252e/secret").unwrap_err(),
        Missing::NotFound
    );
}

#[test]
fn nothing_outside_can_be_reached() {
    let (_dir, root) = tree();
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/sub/../../secret",
        "/out",
        "/absolute",
        "/%2f../secret",
        "/loop",
        "/sub/../../../../../../../../etc/passwd",
    ] {
        assert_eq!(
            root.document(path).unwrap_err(),
            Missing::Forbidden,
            "{path}"
        );
    }
    assert_eq!(
        root.document("/%2fetc/passwd").unwrap_err(),
        Missing::NotFound
    );
    assert_eq!(root.document("/a%00b").unwrap_err(), Missing::Malformed);
}

#[test]
fn only_regular_files_are_documents() {
    let (_dir, root) = tree();
    let long = format!("/{}", "x".repeat(300));
    for path in [
        "/fifo",
        "/",
        "/sub/empty",
        "/nothing",
        "/a b.txt/",
        "/a b.txt/x",
        &long,
    ] {
        assert_eq!(
            root.document(path).unwrap_err(),
            Missing::NotFound,
            "{path}"
        );
    }
}

/// The encoding that is served, and the number of `openat2` calls that it took.
fn encoding(root: &Root, path: &str, wanted: &[Encoding]) -> (Option<Encoding>, usize) {
    let before = OPENED.get();
    match root.find(path, wanted.iter().copied()) {
        Ok(Found::Document(document)) => (document.encoding, OPENED.get() - before),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn neighbours_are_looked_for_only_where_they_are_wanted() {
    use Encoding::{Brotli, Gzip, Zstd};
    let (dir, root) = tree();
    let at = |name: &str| dir.path().join("root").join(name);
    fs::write(at("a b.txt.gz"), "gz").unwrap();
    fs::write(at("inside.br"), "br").unwrap();
    fs::write(at("sub/index.html.gz"), "gz").unwrap();
    // Checked and opened; a file that was opened before is opened at once.
    assert_eq!(encoding(&root, "/a b.txt", &[]), (None, 2));
    assert_eq!(encoding(&root, "/a b.txt", &[]), (None, 1));
    assert_eq!(encoding(&root, "/a b.txt", &[Brotli]), (None, 2));
    assert_eq!(encoding(&root, "/a b.txt", &Encoding::ALL), (Some(Gzip), 5));
    assert_eq!(
        encoding(&root, "/a b.txt", &[Gzip, Brotli]),
        (Some(Gzip), 2)
    );
    assert_eq!(encoding(&root, "/a b.txt.gz", &Encoding::ALL), (None, 1));
    // By the requested name, wherever that leads.
    assert_eq!(encoding(&root, "/inside", &Encoding::ALL).0, Some(Brotli));
    assert_eq!(encoding(&root, "/sub/", &[Zstd, Gzip]).0, Some(Gzip));
    assert_eq!(
        root.find("/nothing", Encoding::ALL.into_iter())
            .unwrap_err(),
        Missing::NotFound
    );
    fs::remove_file(at("a b.txt")).unwrap();
    let alone = root.find("/a b.txt", Encoding::ALL.into_iter());
    assert_eq!(alone.unwrap_err(), Missing::NotFound);
}

#[test]
fn only_what_could_be_served_by_itself_is_a_neighbour() {
    let (dir, root) = tree();
    let at = |name: &str| dir.path().join("root").join(name);
    let none = |what: &str| {
        let found = encoding(&root, "/a b.txt", &[Encoding::Gzip]).0;
        assert_eq!(found, None, "{what}");
        let neighbour = at("a b.txt.gz");
        fs::remove_file(&neighbour)
            .or_else(|_| fs::remove_dir(&neighbour))
            .unwrap();
    };
    symlink("../secret", at("a b.txt.gz")).unwrap();
    none("outside of the root");
    symlink("/etc/passwd", at("a b.txt.gz")).unwrap();
    none("an absolute link");
    symlink("loop", at("a b.txt.gz")).unwrap();
    none("a loop");
    fs::create_dir(at("a b.txt.gz")).unwrap();
    none("a directory");
    symlink("fifo", at("a b.txt.gz")).unwrap();
    none("a FIFO");
    symlink("sub/index.html", at("a b.txt.gz")).unwrap();
    assert_eq!(
        encoding(&root, "/a b.txt", &[Encoding::Gzip]).0,
        Some(Encoding::Gzip)
    );
    let long = "x".repeat(254);
    fs::write(at(&long), "a long name").unwrap();
    assert_eq!(
        encoding(&root, &format!("/{long}"), &Encoding::ALL),
        (None, 5)
    );
    // What is hidden has hidden neighbours.
    fs::write(at(".env"), "x").unwrap();
    fs::write(at(".env.gz"), "x").unwrap();
    for name in ["/.env", "/.env.gz"] {
        let found = root.find(name, Encoding::ALL.into_iter());
        assert_eq!(found.unwrap_err(), Missing::NotFound, "{name}");
    }
}

#[test]
fn an_older_neighbour_is_passed_over() {
    let (dir, root) = tree();
    let at = |name: &str| dir.path().join("root").join(name);
    let date = |name: &str, nanos: u32| {
        let date = UNIX_EPOCH + Duration::new(1_000_000_000, nanos);
        let file = fs::File::options().append(true).create(true).open(at(name));
        file.unwrap().set_modified(date).unwrap();
    };
    date("a b.txt", 5);
    for (nanos, found) in [
        (4, None),
        (5, Some(Encoding::Gzip)),
        (6, Some(Encoding::Gzip)),
    ] {
        date("a b.txt.gz", nanos);
        assert_eq!(
            encoding(&root, "/a b.txt", &[Encoding::Gzip]).0,
            found,
            "{nanos}"
        );
    }
    date("a b.txt.br", 4);
    assert_eq!(
        encoding(&root, "/a b.txt", &Encoding::ALL).0,
        Some(Encoding::Gzip),
        "the next"
    );
}

#[test]
fn the_tag_changes_with_the_file() {
    let (dir, root) = tree();
    let tag = || root.document("/inside").unwrap().etag;
    let before = tag();
    assert_eq!(before, tag());
    fs::write(dir.path().join("root/a b.txt"), "longer than before").unwrap();
    assert_ne!(before, tag());
}

#[test]
fn a_root_must_be_a_directory() {
    let (dir, _root) = tree();
    for path in ["nothing", "secret"] {
        let error = Root::open(&dir.path().join(path)).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
    }
}
