//! Which video an idempotency key was used for.

use std::time::Duration;

use domain::{AccountId, VideoId};
use moka::sync::Cache;
use uuid::Uuid;

use crate::context::CommandContext;
use crate::error::CommandError;

const MAX_KEYS: u64 = 100_000;
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The idempotency keys that this process has seen on commands about an existing video.
///
/// The cache only tells a client about a reused key, without a query. Correctness does not depend on
/// it. The id of an event derives from its video, too, so a key that is used for two videos makes two
/// events. Each of them counts once.
pub(crate) struct IdempotencyKeys(Cache<Uuid, VideoId>);

impl Default for IdempotencyKeys {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_KEYS).time_to_live(TTL).build())
    }
}

impl IdempotencyKeys {
    /// Binds the key of this person and command to the video, if it is not bound yet.
    ///
    /// # Errors
    /// [`CommandError::KeyReused`] if the key is bound to another video.
    pub(crate) fn claim(
        &self,
        context: &CommandContext,
        actor: AccountId,
        command: &str,
        video: VideoId,
    ) -> Result<(), CommandError> {
        let Some(key) = &context.idempotency_key else { return Ok(()) };
        let claim = Uuid::new_v5(&actor.0, format!("{command}\n{key}").as_bytes());
        if self.0.get_with(claim, || video) == video {
            Ok(())
        } else {
            Err(CommandError::KeyReused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_one_video_of_one_person_and_command() {
        let keys = IdempotencyKeys::default();
        let [ana, beto] = [1, 2].map(|n| AccountId(Uuid::from_u128(n)));
        let [first, second] = [3, 4].map(|n| VideoId(Uuid::from_u128(n)));
        let keyed =
            CommandContext { idempotency_key: Some("key".to_owned()), ..CommandContext::default() };
        let claim = |actor, command, video| keys.claim(&keyed, actor, command, video).is_ok();
        assert!(claim(ana, "vote", first));
        assert!(claim(ana, "vote", first));
        assert!(!claim(ana, "vote", second));
        assert!(claim(beto, "vote", second));
        assert!(claim(ana, "delete", second));
        assert!(keys.claim(&CommandContext::default(), ana, "vote", second).is_ok());
    }
}
