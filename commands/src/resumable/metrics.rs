//! Metrics of resumable uploads.

use infra::database::Pool;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(10);

/// Reports in this process's metrics how many uploads are unfinished and how many bytes they have.
/// Never returns.
pub async fn report_upload_metrics(pool: Pool) {
    loop {
        let counted = sqlx::query!(
            r#"select count(*) as "uploads!", coalesce(sum(received), 0)::bigint as "bytes!"
               from resumable_uploads where video_id is null"#
        )
        .fetch_one(&pool)
        .await;
        match counted {
            Ok(counted) => {
                metrics::gauge!("anb_unfinished_uploads").set(counted.uploads as f64);
                metrics::gauge!("anb_unfinished_upload_bytes").set(counted.bytes as f64);
            }
            Err(error) => {
                tracing::debug!(
                    %error,
                    "unfinished uploads cannot be counted"
                );
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
