//! Reads an export, and checks it against its last line.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::line::{FORMAT, Header, Line, Trailer, VERSION, hex};
use crate::event_log::Record;
use crate::log_transfer::error::TransferError;
use crate::log_transfer::record_source::{Offsets, RecordPass, RecordSource};

/// Records per call of [`RecordPass::next`].
const BATCH: usize = 1_000;
const BUFFER_BYTES: usize = 1 << 20;

/// An export file as a source.
pub struct ExportFile {
    path: PathBuf,
    partitions: u32,
}

impl ExportFile {
    /// Opens the file and reads its first line.
    ///
    /// # Errors
    /// [`TransferError`] if it is not an export of a version that this code reads.
    pub async fn open(path: &Path) -> Result<Self, TransferError> {
        let mut lines = Lines::open(path).await?;
        let wrong = |what: String| TransferError::BadExport { path: path.to_owned(), what };
        let first = lines.next().await?.unwrap_or_default();
        let header = serde_json::from_slice::<Header>(first);
        let header = header.ok().filter(|header| header.format == FORMAT);
        let header =
            header.ok_or_else(|| wrong("this is no export of `anb log export`".to_owned()))?;
        if header.version != VERSION {
            return Err(wrong(format!(
                "the export has version {}, this anb reads version {VERSION}",
                header.version
            )));
        }
        Ok(Self { path: path.to_owned(), partitions: header.partitions })
    }
}

#[async_trait]
impl RecordSource for ExportFile {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn records(&self) -> Option<u64> {
        None
    }

    async fn pass(&self, from: &Offsets) -> Result<Box<dyn RecordPass>, TransferError> {
        let mut lines = Lines::open(&self.path).await?;
        lines.next().await?;
        Ok(Box::new(ExportPass { lines, from: from.clone(), records: 0, is_complete: false }))
    }
}

struct ExportPass {
    lines: Lines,
    from: Offsets,
    records: u64,
    is_complete: bool,
}

#[async_trait]
impl RecordPass for ExportPass {
    async fn next(&mut self) -> Result<Vec<Record>, TransferError> {
        let mut records = Vec::new();
        while !self.is_complete && records.len() < BATCH {
            let Some(line) = self.lines.next().await? else {
                return Err(self.lines.bad("the export is truncated: its last line is missing"));
            };
            match serde_json::from_slice(line) {
                Err(error) => return Err(self.lines.bad(&error.to_string())),
                Ok(Line::Trailer(trailer)) => self.end(&trailer).await?,
                Ok(Line::Record(line)) => {
                    self.records += 1;
                    let record = line.record();
                    let record = record.map_err(|error| self.lines.bad(&error.to_string()))?;
                    let first = self.from.get(&record.position.partition);
                    if first.is_some_and(|first| record.position.offset >= *first) {
                        records.push(record);
                    }
                }
            }
        }
        Ok(records)
    }
}

impl ExportPass {
    /// Checks the file against its last line.
    async fn end(&mut self, trailer: &Trailer) -> Result<(), TransferError> {
        if trailer.records != self.records {
            let Trailer { records, .. } = trailer;
            let what =
                format!("the export has {} records, its last line says {records}", self.records);
            return Err(self.lines.bad(&what));
        }
        if trailer.sha256 != hex(&self.lines.hash_above.clone().finalize()) {
            return Err(self
                .lines
                .bad("the export was changed: its hash is not that of its last line"));
        }
        if self.lines.next().await?.is_some() {
            return Err(self.lines.bad("the export goes on after its last line"));
        }
        self.is_complete = true;
        Ok(())
    }
}

/// The lines of a file, and their hash.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    /// Of the lines above the current one.
    hash_above: Sha256,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    async fn open(path: &Path) -> Result<Self, TransferError> {
        let file = File::open(path).await;
        let file = file.map_err(|source| TransferError::File { path: path.to_owned(), source })?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            hash_above: Sha256::new(),
            line: Vec::new(),
            number: 0,
        })
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, TransferError> {
        self.hash_above.update(&self.line);
        self.line.clear();
        let read = self.file.read_until(b'\n', &mut self.line).await;
        if read.map_err(|source| self.unreadable(source))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if !self.line.ends_with(b"\n") {
            return Err(self.bad("the export is truncated in the middle of this line"));
        }
        Ok(Some(&self.line))
    }

    fn unreadable(&self, source: io::Error) -> TransferError {
        TransferError::File { path: self.path.clone(), source }
    }

    fn bad(&self, what: &str) -> TransferError {
        let what = format!("line {}: {what}", self.number);
        TransferError::BadExport { path: self.path.clone(), what }
    }
}
