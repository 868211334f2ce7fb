//! The transcoder role.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use infra::config::Settings;
use infra::object_storage::ObjectStorage;
use transcoder::child::ChildCommand;
use transcoder::worker::{Parts, Worker, WorkerSettings};

use super::Common;
use crate::world::World;

/// A child that takes longer is killed. Our own settings need a tenth of it on two processors.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Puts the worker of this process together.
pub(super) fn worker(
    settings: &Settings,
    world: &World,
    common: &Common,
    storage: Arc<dyn ObjectStorage>,
) -> Result<Worker> {
    let parts = Parts {
        pool: world.pool().clone(),
        storage,
        decisions: common.decisions.clone(),
        read_models: Arc::clone(&common.lookup) as _,
        child: ChildCommand {
            program: std::env::current_exe().context("this program cannot find itself")?,
            arguments: vec!["transcode-one".into()],
            time_limit: TIME_LIMIT,
        },
        scratch: settings.data_dir.join("transcode"),
    };
    let behaviour = WorkerSettings {
        slots: settings.transcode_workers,
        verdict_deadline: settings.verdict_deadline,
        ..WorkerSettings::default()
    };
    Worker::new(parts, behaviour).context("DATA_DIR: no folder for videos in progress")
}
