//! Storing a piece of an upload.

use std::pin::Pin;

use futures_util::StreamExt;
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage, StorageError};
use uuid::Uuid;

use super::error::ResumableError;
use super::sweep::PREFIX;
use super::upload::ResumableUpload;
use crate::body_meter::{BodyEnd, BodyMeter, Checksum};
use crate::error::CommandError;

/// A piece that a client sends.
pub struct Piece {
    /// The offset of its first byte in the upload.
    pub offset: u64,
    /// How many bytes it has, if the client says so.
    pub declared: Option<u64>,
    /// What it must hash to. A piece with a checksum is kept whole or not at all.
    pub checksum: Option<Checksum>,
    /// The bytes.
    pub body: ByteStream,
}

/// What was stored of a piece.
pub(super) struct StoredPiece {
    /// The object and its size in bytes; `None` if no byte arrived.
    pub(super) object: Option<(ObjectKey, u64)>,
    /// Whether the piece broke off.
    pub(super) interrupted: bool,
}

/// Stores a piece as far as it arrives. Every piece gets a key of its own, so two pieces with the same
/// offset are two objects.
pub(super) async fn store(
    storage: &dyn ObjectStorage,
    upload: &ResumableUpload,
    piece: Piece,
) -> Result<StoredPiece, ResumableError> {
    let text = format!("{PREFIX}{}-{}-{}", upload.id, piece.offset, Uuid::new_v4().simple());
    let key = ObjectKey::parse(&text)
        .ok_or_else(|| CommandError::internal(format!("`{text}` is no key")))?;
    let meter = BodyMeter::of_piece(upload.missing(), piece.checksum);
    let mut body = meter.clone().wrap(piece.body).peekable();
    if Pin::new(&mut body).peek().await.is_none() {
        return Ok(StoredPiece { object: None, interrupted: is_interrupted(&meter) });
    }
    match storage.put(&key, "application/octet-stream", body.boxed()).await {
        Ok(bytes) => {
            Ok(StoredPiece { object: Some((key, bytes)), interrupted: is_interrupted(&meter) })
        }
        Err(StorageError::Body(error)) => Err(match meter.end() {
            BodyEnd::Overrun => ResumableError::TooLarge,
            BodyEnd::Mismatch => ResumableError::ChecksumMismatch,
            BodyEnd::Whole | BodyEnd::Interrupted => CommandError::internal(error).into(),
        }),
        Err(error) => Err(CommandError::unavailable(error).into()),
    }
}

fn is_interrupted(meter: &BodyMeter) -> bool {
    meter.end() == BodyEnd::Interrupted
}
