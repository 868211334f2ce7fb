//! Rows of the read models. Each list of columns stands here once.
//!
//! A statement that writes many rows takes one list per column. A column that no statement binds is
//! reported as never read; a field that a conversion forgets does not compile.

use domain::text::place_key;
use domain::{
    Account, AccountId, EmailKey, ErasedAccount, EventId, OperatorGrant, Rejection, Timestamp,
    Video, VideoId,
};
use infra::database::{to_bigint, to_int};
use sqlx::types::Json;
use uuid::Uuid;

use crate::store::DeadLetter;

/// Declares a row, and the same columns as lists.
macro_rules! row {
    ($(#[$doc:meta])* $row:ident, $columns:ident { $($column:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $row {
            $(pub(super) $column: $type),+
        }

        #[derive(Default)]
        pub(super) struct $columns {
            $(pub(super) $column: Vec<$type>),+
        }

        impl FromIterator<$row> for $columns {
            fn from_iter<I: IntoIterator<Item = $row>>(rows: I) -> Self {
                let mut columns = Self::default();
                for $row { $($column),+ } in rows {
                    $(columns.$column.push($column);)+
                }
                columns
            }
        }
    };
}
pub(super) use row;

row! {
    /// A row of `accounts`.
    AccountRow, AccountColumns {
        email_key: String,
        account_id: Uuid,
        city: String,
        country: String,
        city_key: String,
        country_key: String,
        registered_at: Timestamp,
        registered_by: Uuid,
        erased_at: Option<Timestamp>,
        erased_by: Option<Uuid>,
    }
}

impl AccountRow {
    pub(super) fn registered(email: &EmailKey, account: &Account) -> Self {
        let Account { id, city, country, registered_at, registered_by } = account;
        Self {
            email_key: email.as_str().to_owned(),
            account_id: id.0,
            city: city.clone(),
            country: country.clone(),
            city_key: place_key(city),
            country_key: place_key(country),
            registered_at: *registered_at,
            registered_by: registered_by.0,
            erased_at: None,
            erased_by: None,
        }
    }

    pub(super) fn erased(email: &EmailKey, erased: &ErasedAccount) -> Self {
        let ErasedAccount { account, at, by } = erased;
        Self { erased_at: Some(*at), erased_by: Some(by.0), ..Self::registered(email, account) }
    }
}

row! {
    /// A row of `operator_terms`.
    OperatorGrantRow, OperatorGrantColumns {
        granted_by: Uuid,
        account_id: Uuid,
        granted_at: Timestamp,
        ended_at: Option<Timestamp>,
        ended_by: Option<Uuid>,
    }
}

impl OperatorGrantRow {
    pub(super) fn of(granted_by: EventId, grant: &OperatorGrant) -> Self {
        let OperatorGrant { account, since, end } = grant;
        Self {
            granted_by: granted_by.0,
            account_id: account.0,
            granted_at: *since,
            ended_at: end.map(|(at, _)| at),
            ended_by: end.map(|(_, by)| by.0),
        }
    }

    pub(super) fn into_grant(self) -> (EventId, OperatorGrant) {
        let Self { granted_by, account_id, granted_at, ended_at, ended_by } = self;
        let end = ended_at.zip(ended_by.map(EventId));
        let grant = OperatorGrant { account: AccountId(account_id), since: granted_at, end };
        (EventId(granted_by), grant)
    }
}

row! {
    /// A row of `rejections`.
    RejectionRow, RejectionColumns {
        event_id: Uuid,
        reason: String,
        votes: Option<i64>,
        rejected_at: Timestamp,
    }
}

impl RejectionRow {
    pub(super) fn of(event: EventId, rejection: Rejection, at: Timestamp) -> Self {
        Self {
            event_id: event.0,
            reason: rejection.code().to_owned(),
            votes: rejection.votes().map(to_bigint),
            rejected_at: at,
        }
    }
}

row! {
    /// A row of `transcode_jobs`.
    TranscodeJobRow, TranscodeJobColumns {
        video_id: Uuid,
        owner: Uuid,
        original_key: String,
        uploaded_by: Uuid,
        queued_at: Timestamp,
    }
}

impl TranscodeJobRow {
    pub(super) fn of(id: VideoId, video: &Video) -> Self {
        Self {
            video_id: id.0,
            owner: video.owner.0,
            original_key: video.original_key.clone(),
            uploaded_by: video.uploaded_by.0,
            queued_at: video.uploaded_at,
        }
    }
}

row! {
    /// A row of `dead_letters`.
    DeadLetterRow, DeadLetterColumns {
        partition: i32,
        offset: i64,
        at: Timestamp,
        reason: String,
        key: Option<Vec<u8>>,
        headers: Json<Vec<(String, serde_json::Value)>>,
        value: Option<Vec<u8>>,
    }
}

impl DeadLetterRow {
    pub(super) fn of(letter: &DeadLetter) -> Self {
        let DeadLetter { record, reason } = letter;
        Self {
            partition: to_int(record.position.partition),
            offset: to_bigint(record.position.offset),
            at: record.time(),
            reason: without_nul(reason),
            key: record.key.as_ref().map(|key| key.to_vec()),
            headers: Json(headers(&record.headers)),
            value: record.value.as_ref().map(|value| value.to_vec()),
        }
    }
}

/// Header values may be any bytes; those that are not text become arrays of numbers.
fn headers<B: AsRef<[u8]>>(headers: &[(String, B)]) -> Vec<(String, serde_json::Value)> {
    let value = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => serde_json::Value::from(text),
        _ => serde_json::Value::from(bytes),
    };
    headers.iter().map(|(name, bytes)| (without_nul(name), value(bytes.as_ref()))).collect()
}

/// Postgres refuses NUL in a text.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A value that no version has written into this column.
pub(super) fn broken(column: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("unexpected value in column `{column}`").into())
}
