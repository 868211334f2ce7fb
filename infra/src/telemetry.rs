//! Logs and metrics of the process.

use std::error::Error;
use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::LogFormat;

/// Durations from 0.5 ms, a local append, to 10 minutes, a long encode.
const SECONDS_BUCKETS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 120.0,
    600.0,
];
/// Batch sizes: powers of four up to the largest batch.
const COUNT_BUCKETS: [f64; 7] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];
/// Sizes from 1 KiB to 1 GiB.
const BYTES_BUCKETS: [f64; 6] =
    [1024.0, 16_384.0, 262_144.0, 1_048_576.0, 16_777_216.0, 1_073_741_824.0];

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be parsed.
    #[error("RUST_LOG: `{filter}` is no filter: {source}")]
    Filter {
        /// The value of the setting.
        filter: String,
        /// The parser's error.
        source: ParseError,
    },
    /// A subscriber is installed already.
    #[error("telemetry is already installed: {0}")]
    Installed(#[source] Box<dyn Error + Send + Sync>),
    /// The recorder of metrics cannot be installed.
    #[error(transparent)]
    Recorder(#[from] BuildError),
}

/// Logs events that match `filter` to standard error.
///
/// # Errors
/// [`TelemetryError::Filter`], or [`TelemetryError::Installed`] if called twice.
pub fn install_logs(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let installed = match format {
        LogFormat::Text => logs.with_target(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    installed.map_err(TelemetryError::Installed)
}

/// Installs the recorder of metrics. The caller must call [`PrometheusHandle::run_upkeep`] every few
/// seconds; otherwise histograms grow until the next scrape.
///
/// # Errors
/// [`TelemetryError::Recorder`], also if called twice.
pub fn install_metrics() -> Result<PrometheusHandle, TelemetryError> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES_BUCKETS)?
        // All other histograms count items of a batch or a queue.
        .set_buckets(&COUNT_BUCKETS)?
        .install_recorder()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_filter_names_its_setting() {
        let error = install_logs("infra=loud", LogFormat::Text).unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG: `infra=loud` is no filter"), "{error}");
    }

    #[test]
    fn histograms_get_the_buckets_of_their_unit() {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
            .unwrap()
            .set_buckets(&COUNT_BUCKETS)
            .unwrap()
            .build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("anb_test_seconds").record(0.3);
            metrics::histogram!("anb_test_events").record(3.0);
        });
        let text = handle.render();
        assert!(text.contains("anb_test_seconds_bucket{le=\"0.5\"} 1"), "{text}");
        assert!(text.contains("anb_test_events_bucket{le=\"4\"} 1"), "{text}");
    }
}
