//! Which events the running projectors can read.
//!
//! Every process with a projector announces it, also while it stands by. Before a process appends an
//! event, the [`AppendGate`](ports::append_gate::AppendGate) checks that all of them can read it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::EventType;
use infra::database::{Pool, from_bigint};
use infra::error_chain::error_chain;
use ports::append_gate::ReadableVersions;
use sqlx::types::Json;
use uuid::Uuid;

/// How often a projector announces itself.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// A projector whose announcement is older has ended. It may miss four.
const ANNOUNCEMENT_LIFETIME: Duration = Duration::from_secs(10);

/// Announces what the projector of this process can read. Runs until the task is dropped.
pub async fn announce(pool: Pool) {
    let process = Uuid::now_v7();
    let versions: BTreeMap<&str, u32> =
        EventType::ALL.iter().map(|it| (it.code(), it.newest_version())).collect();
    let versions = Json(versions);
    loop {
        if let Err(error) = announce_once(&pool, process, &versions).await {
            let error = error_chain(&error);
            tracing::warn!(error, "the projector could not announce which events it can read");
        }
        tokio::time::sleep(ANNOUNCE_INTERVAL).await;
    }
}

async fn announce_once(
    pool: &Pool,
    process: Uuid,
    versions: &Json<BTreeMap<&str, u32>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with ended as (
             delete from projector_announcements where announced_at < now() - interval '1 hour'
         )
         insert into projector_announcements (process_id, announced_at, versions)
         values ($1, now(), $2)
         on conflict (process_id) do update set announced_at = now()",
        process,
        versions as &Json<BTreeMap<&str, u32>>,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// What every running projector can read; `None` if none has announced it.
pub(crate) async fn readable(pool: &Pool) -> Result<Option<ReadableVersions>, sqlx::Error> {
    // A type that one projector does not announce cannot be read by all.
    let rows = sqlx::query!(
        r#"with running as (
             select versions from projector_announcements
             where announced_at > now() - $1 * interval '1 second'
         )
         select v.key as "event_type!", min(v.value::text::bigint) as "version!"
         from running, jsonb_each(versions) as v
         group by v.key having count(*) = (select count(*) from running)"#,
        ANNOUNCEMENT_LIFETIME.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut readable = ReadableVersions::new();
    for row in rows {
        // A newer projector may read types that this version does not know, and never appends.
        if let Some(event_type) = EventType::from_code(&row.event_type) {
            let version = u32::try_from(from_bigint(row.version)?).unwrap_or(u32::MAX);
            readable.insert(event_type, version);
        }
    }
    Ok(Some(readable))
}
