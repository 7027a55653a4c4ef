//! What the journal asks of its file while it grows, behind a trait: so that each failure can be tested.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc::off_t;

/// A journal's file.
pub(super) trait Disk: Debug + Send {
    /// The file itself, to read from.
    fn file(&self) -> &File;

    /// Writes `text` at `at`, in one call where the system takes it as one.
    fn write(&mut self, text: &[u8], at: u64) -> io::Result<()> {
        self.file().write_all_at(text, at)
    }

    /// Returns when what was written is on the disk.
    fn sync(&mut self) -> io::Result<()> {
        self.file().sync_data()
    }

    /// Cuts the file to `length` bytes. This gives back what was allocated beyond.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file().set_len(length)
    }

    /// Makes sure that there is room on the disk up to `end`, without making the file longer.
    fn allocate(&mut self, end: u64) -> io::Result<()> {
        let end = off_t::try_from(end).map_err(|_| io::ErrorKind::FileTooLarge)?;
        loop {
            match fallocate(self.file(), FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, end) {
                Err(nix::Error::EINTR) => {}
                done => return Ok(done?),
            }
        }
    }
}

impl Disk for File {
    fn file(&self) -> &File {
        self
    }
}
