//! The projector: one loop that folds the log into read models.
//!
//! 1. Fetch a batch of records.
//! 2. Load its working set.
//! 3. Fold it in memory with `domain`.
//! 4. Write rows and checkpoints in one transaction.
//! 5. Publish the verdicts.
//!
//! A projector owns its partitions by a lock. A batch commits only if its checkpoint is where this
//! projector left it.

mod checkpoints;
mod error;
mod replay;
mod run_loop;
mod state;
mod step;

pub use error::ProjectionError;
pub use run_loop::Projector;
pub use state::{HeldPartition, ProjectorState};
pub use step::Stepped;
