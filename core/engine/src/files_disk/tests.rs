//! Files on a real disk.

use super::*;
use tandem_model::{Line, Msisdn};
use tandem_wire::frame::FileId;

fn from() -> FileFrom {
    FileFrom { line: Line(0), number: Msisdn::from_e164("+4915112345601").unwrap(), id: FileId([3; 16]) }
}

fn begin(disk: &mut Disk, content: &[u8]) -> FileInput {
    let sha256 = ring::digest::digest(&SHA256, content).as_ref().try_into().unwrap();
    let (name, size) = (Secret::new("../photo.jpg".to_owned()), content.len() as u64);
    disk.carry_out(FileOrder::Begin { from: from(), name, size, sha256 }).unwrap()
}

fn write(disk: &mut Disk, content: &[u8], offset: usize, end: usize) -> Option<FileInput> {
    let bytes = Secret::new(content[offset..end].to_vec());
    disk.carry_out(FileOrder::Write { from: from(), offset: offset as u64, bytes })
}

fn disk(folder: &Path) -> Disk {
    Disk { folder: folder.to_owned(), taking: BTreeMap::new() }
}

#[test]
fn a_file_goes_on_from_what_is_durable_and_has_its_name_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..700_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut first = disk(folder.path());
    assert_eq!(begin(&mut first, &content), FileInput::Begun { from: from(), held: Some(0) });
    assert_eq!(write(&mut first, &content, 0, 100_000), None, "told with more");
    let held = write(&mut first, &content, 100_000, 300_000);
    assert_eq!(held, Some(FileInput::Written { from: from(), held: 300_000 }));
    // The process dies; another goes on.
    drop(first);
    let mut second = disk(folder.path());
    assert_eq!(begin(&mut second, &content), FileInput::Begun { from: from(), held: Some(300_000) });
    let Some(FileInput::Arrived { path, fresh: true, .. }) = write(&mut second, &content, 300_000, content.len())
    else {
        panic!("not whole")
    };
    assert!(path.expose().ends_with("/photo.jpg") && Path::new(path.expose()).starts_with(folder.path()));
    assert_eq!(std::fs::read(path.expose()).unwrap(), content);
    let again = begin(&mut second, &content);
    assert_eq!(again, FileInput::Arrived { from: from(), path, fresh: false }, "there already");
}

#[test]
fn what_is_not_what_was_offered_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = disk(folder.path());
    begin(&mut disk, b"what was offered");
    assert_eq!(write(&mut disk, b"what then came..", 0, 16), Some(FileInput::Broken { from: from() }));
    assert_eq!(begin(&mut disk, b"what was offered"), FileInput::Begun { from: from(), held: Some(0) });
}

#[test]
fn one_that_goes_is_measured_and_read_and_one_that_is_too_long_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine");
    std::fs::write(&path, b"0123456789").unwrap();
    let secret = || Secret::new(path.to_string_lossy().into_owned());
    let mut disk = disk(folder.path());
    let id = FileId([1; 16]);
    let mut found = |size_max| match disk.carry_out(FileOrder::Measure { id, path: secret(), size_max }) {
        Some(FileInput::Measured { found, .. }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(10).map(|(size, _)| size), Some(10));
    assert_eq!(found(9), None);
    let mut bytes = |offset, length| match disk.carry_out(FileOrder::Read { id, path: secret(), offset, length }) {
        Some(FileInput::Read { bytes, .. }) => bytes.map(Secret::into_inner),
        other => panic!("{other:?}"),
    };
    assert_eq!(bytes(8, 2), Some(b"89".to_vec()));
    assert_eq!(bytes(8, 3), None, "shorter than it was");
}
