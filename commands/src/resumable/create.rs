//! Creating, looking up and cancelling a resumable upload.

use domain::AccountId;
use infra::object_storage::ObjectKey;

use super::error::ResumableError;
use super::upload::{NewUpload, ResumableUpload, UploadId};
use super::uploads_table;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;

impl Commands {
    /// Creates an upload. With an idempotency key, a retry finds the upload of the first try.
    ///
    /// # Errors
    /// [`ResumableError::TooMany`] if the owner has too many unfinished uploads, or another
    /// [`ResumableError`].
    pub async fn create_upload(
        &self,
        context: &CommandContext,
        actor: AccountId,
        new: &NewUpload,
    ) -> Result<ResumableUpload, ResumableError> {
        let id = UploadId(context.event_id(actor.0, "begin upload", "").0);
        let (pool, expiry) = (&self.inner.dependencies.pool, self.inner.upload_expiry);
        let permit = self.inner.upload_limits.creations.acquire().await;
        let permit = permit.map_err(CommandError::internal)?;
        if let Some(created) = uploads_table::insert(pool, id, actor, new, expiry).await? {
            return Ok(created);
        }
        drop(permit);
        match uploads_table::find(pool, id).await? {
            None => Err(ResumableError::TooMany),
            Some(first) if first.expired => Err(ResumableError::Expired),
            Some(first) if first.is(new) => Ok(first),
            Some(_) => Err(CommandError::KeyReused.into()),
        }
    }

    /// The upload. A whole one is entered into the contest first, if an earlier request did not get
    /// so far: a client that hears that all bytes have been received will not ask again.
    ///
    /// # Errors
    /// [`ResumableError`]
    pub async fn resume_upload(
        &self,
        context: &CommandContext,
        actor: AccountId,
        id: UploadId,
    ) -> Result<ResumableUpload, ResumableError> {
        let upload = self.find_upload(actor, id).await?;
        self.finish_if_whole(context, upload).await
    }

    /// Cancels an upload and removes its pieces. A video that was entered stays.
    ///
    /// # Errors
    /// [`ResumableError`]
    pub async fn cancel_upload(
        &self,
        actor: AccountId,
        id: UploadId,
    ) -> Result<(), ResumableError> {
        let upload = self.find_upload(actor, id).await?;
        self.delete_upload(&upload).await
    }

    /// Cancels an upload that has received no bytes.
    ///
    /// # Errors
    /// [`CommandError`] if the database cannot be used.
    pub async fn cancel_empty_upload(
        &self,
        actor: AccountId,
        id: UploadId,
    ) -> Result<(), CommandError> {
        Ok(uploads_table::delete_empty(&self.inner.dependencies.pool, id, actor).await?)
    }

    /// The upload, if it is the actor's and has not expired.
    pub(super) async fn find_upload(
        &self,
        actor: AccountId,
        id: UploadId,
    ) -> Result<ResumableUpload, ResumableError> {
        match uploads_table::find(&self.inner.dependencies.pool, id).await? {
            Some(upload) if upload.owner != actor => Err(ResumableError::Unknown),
            Some(upload) if upload.expired => Err(ResumableError::Expired),
            Some(upload) => Ok(upload),
            None => Err(ResumableError::Unknown),
        }
    }

    pub(super) async fn delete_upload(
        &self,
        upload: &ResumableUpload,
    ) -> Result<(), ResumableError> {
        let pieces = uploads_table::delete(&self.inner.dependencies.pool, upload.id).await?;
        self.remove_pieces(&pieces).await;
        Ok(())
    }

    /// Deletes all unfinished uploads of an erased account.
    pub(crate) async fn delete_uploads_of(&self, account: AccountId) {
        match uploads_table::delete_of(&self.inner.dependencies.pool, account).await {
            Ok(pieces) => self.remove_pieces(&pieces).await,
            Err(error) => {
                tracing::warn!(%account, %error, "uploads are left to the sweep");
            }
        }
    }

    /// Removes objects that no upload needs; the sweep removes what cannot be removed now.
    pub(super) async fn remove_pieces(&self, keys: &[ObjectKey]) {
        for key in keys {
            if let Err(error) = self.inner.dependencies.storage.delete(key).await {
                tracing::warn!(%key, %error, "a piece is left to the sweep");
            }
        }
    }
}
