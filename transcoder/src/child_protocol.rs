//! The protocol between worker and child: the child prints one JSON message per line.

use domain::event::FailureReason;
use infra::error_chain::error_chain;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::finished_video::FinishedVideo;

/// A message of the child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildMessage {
    /// The sandbox layers that this machine does not support. Answers `--check`.
    /// The JSON name stays: worker and child may be two versions during an update.
    #[serde(rename = "missing_walls")]
    MissingSandboxLayers(Vec<String>),
    /// Progress in percent.
    Progress(u8),
    /// The last message: there is a finished video.
    Done(FinishedVideo),
    /// The last message: there is none.
    Failed {
        /// The reason that goes into the event.
        reason: FailureReason,
        /// The failure with its causes. An error can't cross the pipe, so its text does.
        detail: String,
    },
}

impl From<Failure> for ChildMessage {
    fn from(failure: Failure) -> Self {
        Self::Failed { reason: failure.reason, detail: error_chain(&failure) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_one_line_and_reads_back_equal() {
        for message in [
            ChildMessage::MissingSandboxLayers(vec!["network".to_owned()]),
            ChildMessage::Progress(42),
            ChildMessage::Done(FinishedVideo::example()),
            Failure::new(FailureReason::NoVideoStream, "\"no\npicture\"").into(),
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert!(!text.contains('\n'));
            assert_eq!(serde_json::from_str::<ChildMessage>(&text).unwrap(), message);
        }
    }

    #[test]
    fn a_failed_message_carries_the_causes() {
        // Not an error of FFmpeg: those have no text until some test has initialised the library.
        let cause = std::io::Error::other("no more bytes");
        let failure = Failure::caused_by(FailureReason::Undecodable, "no container", cause);
        let ChildMessage::Failed { reason, detail } = failure.into() else { panic!() };
        assert_eq!(reason, FailureReason::Undecodable);
        assert_eq!(detail, "no container: no more bytes");
    }
}
