//! Assembles the transcoder role.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use infra::object_storage::ObjectStorage;
use transcoder::child::ChildCommand;
use transcoder::worker::{TranscoderDependencies, Worker, WorkerSettings};

use super::components::SharedComponents;
use crate::backing_services::BackingServices;
use crate::settings::Settings;

/// A child that takes longer is killed. The longest accepted video needs a tenth of it on two processors.
const CHILD_TIME_LIMIT: Duration = Duration::from_secs(300);

/// Creates the worker of this process and checks the sandbox of its children.
pub(super) async fn worker(
    settings: &Settings,
    services: &BackingServices,
    shared: &SharedComponents,
    storage: Arc<dyn ObjectStorage>,
) -> Result<Worker> {
    let mut arguments = vec!["transcode-one".into()];
    if settings.transcoder.require_sandbox {
        arguments.push("--require-sandbox".into());
    }
    if settings.transcoder.hls {
        arguments.push("--hls".into());
    }
    let child = ChildCommand {
        program: std::env::current_exe().context("cannot find the path of this program")?,
        arguments,
        time_limit: CHILD_TIME_LIMIT,
    };
    let scratch = settings.data_dir.join("transcode");
    let behaviour = WorkerSettings {
        slots: settings.transcoder.workers,
        verdict_timeout: settings.verdict_deadline,
        ..WorkerSettings::default()
    };
    let dependencies = TranscoderDependencies {
        pool: services.pool().clone(),
        storage,
        submitter: shared.submitter.clone(),
        read_models: Arc::clone(&shared.lookup) as _,
        child: child.clone(),
        scratch: scratch.clone(),
    };
    let worker = Worker::new(dependencies, behaviour);
    let worker = worker.context("DATA_DIR: cannot create the folder for videos in progress")?;
    inspect_sandbox(&child, &scratch, settings.transcoder.require_sandbox).await?;
    Ok(worker)
}

/// Warns about sandbox layers that the kernel lacks, or fails if `required`.
async fn inspect_sandbox(child: &ChildCommand, folder: &Path, required: bool) -> Result<()> {
    let missing = child.missing_sandbox_layers(folder).await.context("cannot check the sandbox")?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join("; ");
    if required {
        bail!("REQUIRE_SANDBOX: this machine lacks sandbox layers ({missing})");
    }
    tracing::warn!(missing, "this machine lacks sandbox layers of the transcoder");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(says: &str) -> ChildCommand {
        ChildCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), format!("echo '{says}'").into()],
            time_limit: CHILD_TIME_LIMIT,
        }
    }

    #[tokio::test]
    async fn a_missing_sandbox_layer_stops_the_start_only_if_the_sandbox_is_required() {
        let folder = tempfile::tempdir().unwrap();
        let complete = child(r#"{"missing_walls":[]}"#);
        let incomplete = child(r#"{"missing_walls":["files: no Landlock"]}"#);
        inspect_sandbox(&complete, folder.path(), true).await.unwrap();
        inspect_sandbox(&incomplete, folder.path(), false).await.unwrap();
        let refused =
            inspect_sandbox(&incomplete, folder.path(), true).await.unwrap_err().to_string();
        assert!(refused.starts_with("REQUIRE_SANDBOX: "), "{refused}");
        assert!(refused.contains("no Landlock"), "{refused}");
        assert!(inspect_sandbox(&child(""), folder.path(), false).await.is_err());
    }
}
