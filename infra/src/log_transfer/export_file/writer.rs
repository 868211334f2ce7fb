//! Writes an export.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::line::{FORMAT, Header, RecordLine, Trailer, VERSION, hex};
use crate::log_transfer::digest::{DigestSummary, LogDigest};
use crate::log_transfer::error::TransferError;
use crate::log_transfer::log_source::LogSource;
use crate::log_transfer::portable::portable;
use crate::log_transfer::record_source::{RecordPass, RecordSource};

/// What an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportSummary {
    /// The records that can move.
    pub holds: DigestSummary,
    /// All records.
    pub records: u64,
}

impl fmt::Display for ExportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.holds.fmt(f)?;
        match self.records - self.holds.records {
            0 => Ok(()),
            more => write!(f, "; and {more} unreadable records that no other log takes"),
        }
    }
}

/// Writes all records of a log, byte for byte.
///
/// # Errors
/// [`TransferError`]
pub async fn export(
    log: &LogSource<'_>,
    out: impl Write,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<ExportSummary, TransferError> {
    let mut out = HashingWriter { out, hasher: Sha256::new() };
    let partitions = log.partitions();
    out.line(&Header { format: FORMAT.to_owned(), version: VERSION, partitions })?;
    let mut pass = log.read(&log.beginning()).await?;
    let (mut records, mut digest) = (0, LogDigest::default());
    loop {
        let read = pass.next().await?;
        if read.is_empty() {
            break;
        }
        records += read.len() as u64;
        for record in read {
            out.line(&RecordLine::of(&record))?;
            if let Ok(record) = portable(record, partitions) {
                digest.add(&record);
            }
        }
        progress(records);
    }
    let holds = digest.summary();
    let sha256 = hex(&out.hasher.clone().finalize());
    let streams_sha256 = hex(&holds.hash);
    out.line(&Trailer { records, streams: holds.streams, streams_sha256, sha256 })?;
    out.out.flush().map_err(TransferError::Output)?;
    Ok(ExportSummary { holds, records })
}

struct HashingWriter<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> HashingWriter<W> {
    fn line(&mut self, line: &impl Serialize) -> Result<(), TransferError> {
        let encoded = serde_json::to_vec(line).map_err(io::Error::from);
        let mut encoded = encoded.map_err(TransferError::Output)?;
        encoded.push(b'\n');
        self.hasher.update(&encoded);
        self.out.write_all(&encoded).map_err(TransferError::Output)
    }
}
