//! Resumable uploads: an original that comes in pieces, over several connections and to several
//! processes, and is entered into the contest with its last byte. See ADR 0022.
//!
//! Each piece is an object of its own. A row says which pieces count, and one conditional statement
//! moves it on: of two who send the same bytes, one is heard.

mod error;
mod finish;
mod piece;
mod rows;
mod sweep;

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use domain::{AccountId, Timestamp, VideoId};
use infra::object_storage::ObjectKey;
use tokio::sync::Semaphore;
use tracing::Instrument;
use uuid::Uuid;

use crate::{CommandError, Commands, Context};

pub use error::ResumableError;
pub use piece::{Checksum, Piece};
pub use sweep::observe as observe_uploads;
pub(crate) use sweep::{PREFIX, remove_erased, remove_expired, remove_orphans};

/// Unfinished uploads of one person.
const MOST_UNFINISHED: i64 = 16;
/// Pieces of one upload.
const MOST_PIECES: usize = 1_000;
/// Uploads that are begun at the same time: each holds a connection to the database, perhaps to wait
/// for another one of its owner.
const BEGINNINGS: usize = 4;
/// Pieces that are taken in at the same time.
const PIECES: usize = 256;

/// How many at a time, in this process.
pub(crate) struct UploadPlaces {
    beginnings: Semaphore,
    pieces: Arc<Semaphore>,
}

impl Default for UploadPlaces {
    fn default() -> Self {
        let pieces = Arc::new(Semaphore::new(PIECES));
        Self { beginnings: Semaphore::new(BEGINNINGS), pieces }
    }
}

/// One resumable upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// An upload that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// How many bytes it will have; at least one.
    pub length: u64,
    /// The video's title.
    pub title: String,
    /// The video's description, if there is one.
    pub description: Option<String>,
    /// What the client says about it, in its own words.
    pub metadata: String,
}

/// An upload that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumableUpload {
    /// Its id.
    pub id: UploadId,
    /// How many bytes it will have.
    pub length: u64,
    /// How many have come, and are kept.
    pub received: u64,
    /// What the client said about it, in its own words.
    pub metadata: String,
    /// The video, once it has been entered.
    pub video: Option<VideoId>,
    /// When it will be forgotten, unless more of it comes.
    pub expires_at: Timestamp,
    owner: AccountId,
    title: String,
    description: Option<String>,
    pieces: Vec<String>,
    expired: bool,
}

/// What became of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The upload, as it is now.
    pub upload: ResumableUpload,
    /// The piece broke off; what had come of it is kept.
    pub cut: bool,
}

impl ResumableUpload {
    /// Whether all of its bytes have come.
    pub fn is_whole(&self) -> bool {
        self.received == self.length
    }

    fn room(&self) -> u64 {
        self.length - self.received
    }

    /// The objects that hold what has come, in order.
    fn keys(&self) -> Vec<ObjectKey> {
        self.pieces.iter().filter_map(|key| ObjectKey::parse(key)).collect()
    }

    fn is(&self, new: &NewUpload) -> bool {
        self.length == new.length && self.metadata == new.metadata
    }
}

impl Commands {
    /// Begins an upload. With an idempotency key, a retry finds the one that its first try has begun.
    ///
    /// # Errors
    /// [`ResumableError::TooMany`] if its owner has so many unfinished ones already, or what
    /// [`CommandError`] says.
    pub async fn begin_upload(
        &self,
        context: &Context,
        actor: AccountId,
        new: &NewUpload,
    ) -> Result<ResumableUpload, ResumableError> {
        let id = UploadId(context.event_id(actor.0, "begin upload", "").0);
        let (pool, expiry) = (&self.inner.parts.pool, self.inner.upload_expiry);
        let closed = |_| CommandError::Internal("no place to begin an upload".to_owned());
        let place = self.inner.upload_places.beginnings.acquire().await.map_err(closed)?;
        if let Some(begun) = rows::insert(pool, id, actor, new, expiry).await? {
            return Ok(begun);
        }
        drop(place);
        match rows::find(pool, id).await? {
            None => Err(ResumableError::TooMany),
            Some(first) if first.expired => Err(ResumableError::Expired),
            Some(first) if first.is(new) => Ok(first),
            Some(_) => Err(CommandError::KeyReused.into()),
        }
    }

    /// How far an upload has come. One that is whole is entered into the contest, if that was cut
    /// short: who hears that all has come will not ask again.
    ///
    /// # Errors
    /// What [`ResumableError`] says.
    pub async fn resume_upload(
        &self,
        context: &Context,
        actor: AccountId,
        id: UploadId,
    ) -> Result<ResumableUpload, ResumableError> {
        let upload = self.own_upload(actor, id).await?;
        self.finish_if_whole(context, upload).await
    }

    /// Takes in a piece, and enters the video into the contest if it was the last one.
    ///
    /// A client that hangs up drops its request where it stands. This goes on, and keeps what has
    /// come.
    ///
    /// # Errors
    /// What [`ResumableError`] says; nothing of the piece is kept then, unless it was the last one.
    pub async fn append_to_upload(
        &self,
        context: Context,
        actor: AccountId,
        id: UploadId,
        piece: Piece,
    ) -> Result<Appended, ResumableError> {
        let commands = self.clone();
        // Goes with the work, and not with the request, which may end before.
        let place = Arc::clone(&self.inner.upload_places.pieces).try_acquire_owned();
        let place = place.map_err(|_| CommandError::Overloaded)?;
        let appending = async move {
            let appended = commands.append_piece(&context, actor, id, piece).await;
            drop(place);
            appended
        };
        let appended = tokio::spawn(appending.in_current_span()).await;
        appended.map_err(|error| CommandError::Internal(error.to_string()))?
    }

    /// Forgets an upload, and removes what had come of it. A video that was entered stays.
    ///
    /// # Errors
    /// What [`ResumableError`] says.
    pub async fn cancel_upload(
        &self,
        actor: AccountId,
        id: UploadId,
    ) -> Result<(), ResumableError> {
        let upload = self.own_upload(actor, id).await?;
        self.forget_upload(&upload).await
    }

    /// Forgets an upload of which nothing has come.
    ///
    /// # Errors
    /// [`CommandError`] if the database cannot be used.
    pub async fn cancel_empty_upload(
        &self,
        actor: AccountId,
        id: UploadId,
    ) -> Result<(), CommandError> {
        Ok(rows::delete_empty(&self.inner.parts.pool, id, actor).await?)
    }

    async fn append_piece(
        &self,
        context: &Context,
        actor: AccountId,
        id: UploadId,
        piece: Piece,
    ) -> Result<Appended, ResumableError> {
        let upload = self.own_upload(actor, id).await?;
        if piece.offset != upload.received {
            return Err(ResumableError::WrongOffset);
        }
        if piece.declared.is_some_and(|bytes| bytes > upload.room()) {
            return Err(ResumableError::TooLarge);
        }
        if upload.pieces.len() >= MOST_PIECES {
            return Err(ResumableError::TooManyPieces);
        }
        rows::touch(&self.inner.parts.pool, id, self.inner.upload_expiry).await?;
        let storage = self.inner.parts.storage.as_ref();
        let stored = tokio::select! {
            stored = piece::store(storage, &upload, piece) => stored?,
            never = self.keep_alive(id) => match never {},
        };
        let upload = match stored.object {
            Some((key, bytes)) => self.add_piece(&upload, &key, bytes).await?,
            None => self.own_upload(actor, id).await?,
        };
        let upload = self.finish_if_whole(context, upload).await?;
        Ok(Appended { upload, cut: stored.cut })
    }

    /// An upload does not expire while a slow piece is on its way.
    async fn keep_alive(&self, id: UploadId) -> Infallible {
        let expiry = self.inner.upload_expiry;
        loop {
            tokio::time::sleep(expiry / 3).await;
            if let Err(error) = rows::touch(&self.inner.parts.pool, id, expiry).await {
                tracing::warn!(upload = %id, %error, "an upload may expire under way");
            }
        }
    }

    /// From here on the piece counts, unless another one was faster.
    async fn add_piece(
        &self,
        upload: &ResumableUpload,
        key: &ObjectKey,
        bytes: u64,
    ) -> Result<ResumableUpload, ResumableError> {
        let (pool, expiry) = (&self.inner.parts.pool, self.inner.upload_expiry);
        if let Some(moved) = rows::add_piece(pool, upload, key, bytes, expiry).await? {
            return Ok(moved);
        }
        self.remove_pieces(std::slice::from_ref(key)).await;
        self.own_upload(upload.owner, upload.id).await?;
        Err(ResumableError::WrongOffset)
    }

    async fn own_upload(
        &self,
        actor: AccountId,
        id: UploadId,
    ) -> Result<ResumableUpload, ResumableError> {
        match rows::find(&self.inner.parts.pool, id).await? {
            Some(upload) if upload.owner != actor => Err(ResumableError::Unknown),
            Some(upload) if upload.expired => Err(ResumableError::Expired),
            Some(upload) => Ok(upload),
            None => Err(ResumableError::Unknown),
        }
    }

    async fn forget_upload(&self, upload: &ResumableUpload) -> Result<(), ResumableError> {
        let pieces = rows::delete(&self.inner.parts.pool, upload.id).await?;
        self.remove_pieces(&pieces).await;
        Ok(())
    }

    /// Removes all unfinished uploads of somebody who leaves.
    pub(crate) async fn forget_uploads_of(&self, account: AccountId) {
        match rows::delete_of(&self.inner.parts.pool, account).await {
            Ok(pieces) => self.remove_pieces(&pieces).await,
            Err(error) => tracing::warn!(%account, %error, "uploads remain for the sweep"),
        }
    }

    /// Nobody needs them any more; what cannot be removed now, the sweep finds.
    async fn remove_pieces(&self, keys: &[ObjectKey]) {
        for key in keys {
            if let Err(error) = self.inner.parts.storage.delete(key).await {
                tracing::warn!(%key, %error, "a piece remains for the sweep");
            }
        }
    }
}
