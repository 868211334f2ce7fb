//! Appending a piece to a resumable upload.

use std::convert::Infallible;
use std::sync::Arc;

use domain::AccountId;
use infra::object_storage::ObjectKey;
use tracing::Instrument;

use super::error::ResumableError;
use super::limits::MAX_PIECES;
use super::piece::{self, Piece};
use super::upload::{ResumableUpload, UploadId};
use super::uploads_table;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;

/// The result of appending a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedPiece {
    /// The upload afterwards.
    pub upload: ResumableUpload,
    /// Whether the piece broke off; the bytes before that are kept.
    pub interrupted: bool,
}

impl Commands {
    /// Appends a piece, and enters the video into the contest if it was the last one.
    ///
    /// A client that disconnects drops its request. The append goes on and keeps what was received.
    ///
    /// # Errors
    /// [`ResumableError`]; then nothing of the piece is kept, unless it was the last one.
    pub async fn append_to_upload(
        &self,
        context: CommandContext,
        actor: AccountId,
        id: UploadId,
        piece: Piece,
    ) -> Result<AppendedPiece, ResumableError> {
        let commands = self.clone();
        // The permit belongs to the work, not to the request, which may end earlier.
        let permit = Arc::clone(&self.inner.upload_limits.pieces).try_acquire_owned();
        let permit = permit.map_err(|_| CommandError::Overloaded)?;
        let appending = async move {
            let appended = commands.append_piece(&context, actor, id, piece).await;
            drop(permit);
            appended
        };
        let appended = tokio::spawn(appending.in_current_span()).await;
        appended.map_err(CommandError::internal)?
    }

    async fn append_piece(
        &self,
        context: &CommandContext,
        actor: AccountId,
        id: UploadId,
        piece: Piece,
    ) -> Result<AppendedPiece, ResumableError> {
        let upload = self.find_upload(actor, id).await?;
        if piece.offset != upload.received {
            return Err(ResumableError::WrongOffset);
        }
        if piece.declared.is_some_and(|bytes| bytes > upload.missing()) {
            return Err(ResumableError::TooLarge);
        }
        if upload.pieces.len() >= MAX_PIECES {
            return Err(ResumableError::TooManyPieces);
        }
        let (pool, expiry) = (&self.inner.dependencies.pool, self.inner.upload_expiry);
        uploads_table::extend(pool, id, expiry).await?;
        let storage = self.inner.dependencies.storage.as_ref();
        let stored = tokio::select! {
            stored = piece::store(storage, &upload, piece) => stored?,
            never = self.keep_extending(id) => match never {},
        };
        let upload = match stored.object {
            Some((key, bytes)) => self.add_piece(&upload, &key, bytes).await?,
            None => self.find_upload(actor, id).await?,
        };
        let upload = self.finish_if_whole(context, upload).await?;
        Ok(AppendedPiece { upload, interrupted: stored.interrupted })
    }

    /// Keeps the upload from expiring while a slow piece arrives.
    async fn keep_extending(&self, id: UploadId) -> Infallible {
        let expiry = self.inner.upload_expiry;
        loop {
            tokio::time::sleep(expiry / 3).await;
            if let Err(error) =
                uploads_table::extend(&self.inner.dependencies.pool, id, expiry).await
            {
                tracing::warn!(upload_id = %id, %error, "an upload may expire while it is received");
            }
        }
    }

    /// Adds the piece to the row, unless another piece was added first.
    async fn add_piece(
        &self,
        upload: &ResumableUpload,
        key: &ObjectKey,
        bytes: u64,
    ) -> Result<ResumableUpload, ResumableError> {
        let (pool, expiry) = (&self.inner.dependencies.pool, self.inner.upload_expiry);
        if let Some(added) = uploads_table::add_piece(pool, upload, key, bytes, expiry).await? {
            return Ok(added);
        }
        self.remove_pieces(std::slice::from_ref(key)).await;
        self.find_upload(upload.owner, upload.id).await?;
        Err(ResumableError::WrongOffset)
    }
}
