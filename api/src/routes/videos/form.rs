//! Reads the form of an upload part by part, in any order. The file is streamed to the object store.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use commands::{Commands, StoreOriginalError, StoredOriginal};
use futures_util::{Stream, StreamExt, stream};
use infra::object_storage::{ByteStream, StorageError};
use multer::{Field, Multipart};

use super::upload_body::Monitor;
use crate::error::{ApiError, VideoError};

/// The longest text part: more than any rule allows.
const MAX_TEXT_BYTES: usize = 32 * 1024;
const MAX_PARTS: usize = 100;

/// The parts that came. Of several texts with one name the last counts.
#[derive(Default)]
pub(super) struct Form {
    pub(super) title: TextPart,
    pub(super) description: TextPart,
    pub(super) file: FilePart,
}

/// A part that should be a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum TextPart {
    #[default]
    Absent,
    /// A file was sent in its place.
    File,
    TooLong,
    NotUtf8,
    Text(String),
}

/// The part that should be the file.
#[derive(Default)]
pub(super) enum FilePart {
    #[default]
    Absent,
    /// A text was sent in its place.
    Text,
    /// More than one file was sent.
    Several,
    /// A file field with nothing chosen.
    Nameless,
    NotAVideo,
    Stored(StoredOriginal),
}

/// Reads the whole form.
pub(super) async fn read(
    mut multipart: Multipart<'static>,
    monitor: &Monitor,
    commands: &Commands,
    max_bytes: u64,
) -> Result<Form, ApiError> {
    let mut form = Form::default();
    for _ in 0..MAX_PARTS {
        let field =
            multipart.next_field().await.map_err(|error| multipart_error(&error, monitor))?;
        monitor.progress();
        let Some(field) = field else { return Ok(form) };
        match field.name() {
            Some("title") => form.title = text(field, monitor).await?,
            Some("description") => form.description = text(field, monitor).await?,
            Some("file") => {
                let file = file(field, monitor, commands, max_bytes).await?;
                form.file = match form.file {
                    FilePart::Absent => file,
                    _ => FilePart::Several,
                };
            }
            _ => skip(field, monitor).await?,
        }
    }
    Err(ApiError::MultipartMalformed("The multipart body has too many parts."))
}

async fn text(mut field: Field<'static>, monitor: &Monitor) -> Result<TextPart, ApiError> {
    if field.file_name().is_some() {
        skip(field, monitor).await?;
        return Ok(TextPart::File);
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| multipart_error(&error, monitor))? {
        monitor.progress();
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TEXT_BYTES {
            skip(field, monitor).await?;
            return Ok(TextPart::TooLong);
        }
    }
    Ok(match String::from_utf8(bytes.into()) {
        Ok(text) => TextPart::Text(text),
        Err(_) => TextPart::NotUtf8,
    })
}

async fn file(
    field: Field<'static>,
    monitor: &Monitor,
    commands: &Commands,
    max_bytes: u64,
) -> Result<FilePart, ApiError> {
    let unusable = match field.file_name() {
        None => Some(FilePart::Text),
        Some("") => Some(FilePart::Nameless),
        Some(_) if !claims_to_be_video(&field) => Some(FilePart::NotAVideo),
        Some(_) => None,
    };
    if let Some(unusable) = unusable {
        skip(field, monitor).await?;
        return Ok(unusable);
    }
    let shared = SharedField::new(field);
    let stored = commands.store_original(shared.stream(monitor.clone()), max_bytes).await;
    let rest = shared.take_back();
    match stored {
        Ok(original) => Ok(FilePart::Stored(original)),
        Err(StoreOriginalError::NotAVideo) => {
            if let Some(rest) = rest {
                skip(rest, monitor).await?;
            }
            Ok(FilePart::NotAVideo)
        }
        Err(StoreOriginalError::TooLarge { .. }) => Err(VideoError::TooLarge.into()),
        Err(StoreOriginalError::Body(error)) => Err(body_error(&error, monitor)),
        Err(StoreOriginalError::Storage(StorageError::Body(error))) => {
            Err(body_error(&error, monitor))
        }
        Err(StoreOriginalError::Storage(error)) => Err(ApiError::unavailable(error)),
    }
}

fn claims_to_be_video(field: &Field<'_>) -> bool {
    field.content_type().is_some_and(|claimed| claimed.type_() == "video")
}

/// Reads a part to its end, because the next parts follow it.
async fn skip(mut field: Field<'static>, monitor: &Monitor) -> Result<(), ApiError> {
    while field.chunk().await.map_err(|error| multipart_error(&error, monitor))?.is_some() {
        monitor.progress();
    }
    Ok(())
}

/// A part that another reads as a stream. Afterwards it is taken back, so that its unread rest can be
/// skipped.
struct SharedField(Arc<Mutex<Option<Field<'static>>>>);

impl SharedField {
    fn new(field: Field<'static>) -> Self {
        Self(Arc::new(Mutex::new(Some(field))))
    }

    fn stream(&self, monitor: Monitor) -> ByteStream {
        let field = Arc::clone(&self.0);
        stream::poll_fn(move |context| {
            let mut field = field.lock().unwrap_or_else(PoisonError::into_inner);
            match field.as_mut() {
                Some(field) => std::pin::Pin::new(field).poll_next(context),
                None => std::task::Poll::Ready(None),
            }
        })
        .map(move |chunk| {
            monitor.progress();
            chunk.map_err(io::Error::other)
        })
        .boxed()
    }

    fn take_back(self) -> Option<Field<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn body_error(error: &io::Error, monitor: &Monitor) -> ApiError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<multer::Error>()) {
        Some(error) => multipart_error(error, monitor),
        None => monitor.error(),
    }
}

fn multipart_error(error: &multer::Error, monitor: &Monitor) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(_) => monitor.error(),
        multer::Error::IncompleteStream
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders => {
            ApiError::MultipartMalformed("The multipart body ends too early.")
        }
        multer::Error::LockFailure => ApiError::internal("two readers locked one part"),
        _ => ApiError::MultipartMalformed("The multipart body is malformed."),
    }
}
