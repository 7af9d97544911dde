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

/// A document's size and type, or where to ask instead, or why there is none.
fn outcome(root: &Root, path: &str) -> String {
    match root.find(path, iter::empty()) {
        Ok(Found::Document(file)) => format!("{} {}", file.size, file.content_type),
        Ok(Found::Directory(to)) => format!("to {to}"),
        Err(why) => format!("{why:?}"),
    }
}

#[test]
fn what_a_path_leads_to() {
    let (_dir, root) = tree();
    let long = format!("/{}", "x".repeat(300));
    let (text, page) = ("5 text/plain; charset=utf-8", "3 text/html; charset=utf-8");
    for (path, expected) in [
        ("/a%20b.txt?x=1#y", text),
        ("//a b.txt", text),
        ("/inside", "5 application/octet-stream"),
        ("/sub/../a b.txt", text),
        ("/sub/", page),
        ("/sub/empty/../", page),
        // Decoded once.
        ("/%2541", "7 application/octet-stream"),
        ("/%252e%252e/secret", "NotFound"),
        // A directory without its slash is elsewhere.
        ("/sub?x=/y", "to /sub/?x=/y"),
        ("//sub", "to /sub/"),
        ("/sub/empty/..", "to /sub/empty/../"),
        ("/../root/sub", "Forbidden"),
        ("//evil.test/..", "NotFound"),
        // Nothing outside can be reached.
        ("/../secret", "Forbidden"),
        ("/%2e%2e/secret", "Forbidden"),
        ("/..%2fsecret", "Forbidden"),
        ("/sub/../../secret", "Forbidden"),
        ("/out", "Forbidden"),
        ("/absolute", "Forbidden"),
        ("/%2f../secret", "Forbidden"),
        ("/loop", "Forbidden"),
        ("/sub/../../../../../../../../etc/passwd", "Forbidden"),
        ("/%2fetc/passwd", "NotFound"),
        ("/a%00b", "Malformed"),
        // Only regular files are documents.
        ("/fifo", "NotFound"),
        ("/", "NotFound"),
        ("/sub/empty", "NotFound"),
        ("/nothing", "NotFound"),
        ("/a b.txt/", "NotFound"),
        ("/a b.txt/x", "NotFound"),
        (&long, "NotFound"),
    ] {
        assert_eq!(outcome(&root, path), expected, "{path}");
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
    let names = ["/.env", "/%2Eenv", "/.well-known/.y", "/.well-known/x"];
    let served = |root: &Root| names.map(|name| root.document(name).map(drop));
    let hidden = Err(Missing::NotFound);
    assert_eq!(served(&root), [hidden, hidden, hidden, Ok(())]);
    assert_eq!(served(&root.with_dotfiles(true)), [Ok(()); 4]);
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
    for (path, wanted, served) in [
        ("/a b.txt", &[][..], (None, 2)),
        ("/a b.txt", &[], (None, 1)),
        ("/a b.txt", &[Brotli], (None, 2)),
        ("/a b.txt", &Encoding::ALL, (Some(Gzip), 5)),
        ("/a b.txt", &[Gzip, Brotli], (Some(Gzip), 2)),
        ("/a b.txt.gz", &Encoding::ALL, (None, 1)),
    ] {
        assert_eq!(encoding(&root, path, wanted), served, "{path} {wanted:?}");
    }
    // By the requested name, wherever that leads.
    assert_eq!(encoding(&root, "/inside", &Encoding::ALL).0, Some(Brotli));
    assert_eq!(encoding(&root, "/sub/", &[Zstd, Gzip]).0, Some(Gzip));
    let missing = |path| root.find(path, Encoding::ALL.into_iter()).unwrap_err();
    assert_eq!(missing("/nothing"), Missing::NotFound);
    fs::remove_file(at("a b.txt")).unwrap();
    assert_eq!(missing("/a b.txt"), Missing::NotFound);
}

#[test]
fn only_what_could_be_served_by_itself_is_a_neighbour() {
    let (dir, root) = tree();
    let at = |name: &str| dir.path().join("root").join(name);
    let neighbour = at("a b.txt.gz");
    let found = || encoding(&root, "/a b.txt", &[Encoding::Gzip]).0;
    for target in ["../secret", "/etc/passwd", "loop", "fifo"] {
        symlink(target, &neighbour).unwrap();
        assert_eq!(found(), None, "{target}");
        fs::remove_file(&neighbour).unwrap();
    }
    fs::create_dir(&neighbour).unwrap();
    assert_eq!(found(), None, "a directory");
    fs::remove_dir(&neighbour).unwrap();
    symlink("sub/index.html", &neighbour).unwrap();
    assert_eq!(found(), Some(Encoding::Gzip));
    let long = "x".repeat(254);
    fs::write(at(&long), "a long name").unwrap();
    let of_long = encoding(&root, &format!("/{long}"), &Encoding::ALL);
    assert_eq!(of_long, (None, 5));
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
    let gzip = Some(Encoding::Gzip);
    for (nanos, expected) in [(4, None), (5, gzip), (6, gzip)] {
        date("a b.txt.gz", nanos);
        let found = encoding(&root, "/a b.txt", &[Encoding::Gzip]).0;
        assert_eq!(found, expected, "{nanos}");
    }
    // The next one is found if the first is older.
    date("a b.txt.br", 4);
    assert_eq!(encoding(&root, "/a b.txt", &Encoding::ALL).0, gzip);
}

#[test]
fn a_root_must_be_a_directory() {
    let (dir, _root) = tree();
    for path in ["nothing", "secret"] {
        let error = Root::open(&dir.path().join(path)).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
    }
}
