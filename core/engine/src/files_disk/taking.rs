//! One file that comes.

use super::hash;
use ring::digest::{SHA256, digest};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use tandem_machine::files::FileFrom;
use tandem_model::Secret;

/// Bytes after which what came is synced and told.
const SYNC_EVERY: u64 = 256 * 1024;

/// Longest name given to a file, in bytes.
const NAME_MAX: usize = 120;

/// Being written.
pub(super) struct Taking {
    part: PathBuf,
    whole: PathBuf,
    file: File,
    size: u64,
    sha256: [u8; 32],
    written: u64,
    synced: u64,
}

/// What is there of it.
pub(super) enum Begun {
    /// All.
    There(Secret<String>),
    /// So many bytes.
    Held(Taking, u64),
}

/// What a write came to.
pub(super) enum Written {
    /// It is told with more.
    Later,
    /// So many bytes are durable.
    Held(u64),
    /// All are, and in their place.
    Whole(Secret<String>),
}

impl Taking {
    /// Makes ready, and says what is there already.
    pub(super) fn begin(folder: &Path, from: &FileFrom, name: &str, size: u64, sha256: [u8; 32]) -> io::Result<Begun> {
        let folder = folder.join(folder_name(from));
        private_folder(&folder)?;
        let whole = folder.join(safe_name(name));
        let part = folder.join("part");
        if whole.exists() && hash(&mut File::open(&whole)?)? == (size, sha256) {
            return Ok(Begun::There(shown(&whole)));
        }
        let file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&part)?;
        let held = file.metadata()?.len().min(size.saturating_sub(1));
        file.set_len(held)?;
        let mut taking = Taking { part, whole, file, size, sha256, written: held, synced: held };
        taking.file.seek(SeekFrom::Start(held))?;
        Ok(Begun::Held(taking, held))
    }

    /// Writes what belongs next.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<Written> {
        if offset != self.written {
            return Ok(Written::Later);
        }
        self.file.write_all(bytes)?;
        self.written = self.written.saturating_add(bytes.len() as u64);
        if self.written >= self.size {
            return self.finish().map(Written::Whole);
        }
        if self.written.saturating_sub(self.synced) < SYNC_EVERY {
            return Ok(Written::Later);
        }
        self.file.sync_data()?;
        self.synced = self.written;
        Ok(Written::Held(self.synced))
    }

    /// Nothing of it is left.
    pub(super) fn forget(self) {
        let _gone_already = fs::remove_file(&self.part);
    }

    fn finish(&mut self) -> io::Result<Secret<String>> {
        self.file.sync_all()?;
        self.file.seek(SeekFrom::Start(0))?;
        if hash(&mut self.file)? != (self.size, self.sha256) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        fs::rename(&self.part, &self.whole)?;
        if let Some(folder) = self.whole.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(shown(&self.whole))
    }
}

fn shown(path: &Path) -> Secret<String> {
    Secret::new(path.to_string_lossy().into_owned())
}

/// Tells nothing of who sends it.
fn folder_name(from: &FileFrom) -> String {
    let mut all = from.number.as_u64().to_be_bytes().to_vec();
    all.push(from.line.0);
    all.extend_from_slice(&from.id.0);
    digest(&SHA256, &all).as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The last part of what its sender calls it, of letters that no system reads as anything else.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = last.chars().filter(|c| !c.is_control() && !r#":*?"<>|"#.contains(*c));
    let mut safe = String::new();
    for c in kept {
        if safe.len().saturating_add(c.len_utf8()) > NAME_MAX {
            break;
        }
        safe.push(c);
    }
    let safe = safe.trim_matches(['.', ' ']);
    if safe.is_empty() || safe == "part" { "file".to_owned() } else { safe.to_owned() }
}

/// For its user alone.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for (name, safe) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x.txt", "x.txt"),
            ("..", "file"),
            ("part", "file"),
            (" .hidden", "hidden"),
            ("a\u{0}b\n", "ab"),
            ("", "file"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        assert!(safe_name(&"ä".repeat(200)).len() <= NAME_MAX);
    }
}
