//! Which video a person's idempotency key stands for.

use std::time::Duration;

use domain::{AccountId, VideoId};
use moka::sync::Cache;
use uuid::Uuid;

use crate::{CommandError, Context};

const REMEMBERED: u64 = 100_000;
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys that this process has lately seen on commands about a video that exists already.
///
/// An event's id derives from its video, too: a key used for two videos makes two events, each of
/// which counts once. So nothing depends on this memory; it only points out a client's mistake, and
/// costs no query.
pub(crate) struct Claims(Cache<Uuid, VideoId>);

impl Default for Claims {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(TTL).build())
    }
}

impl Claims {
    /// The first video under a key has it.
    ///
    /// # Errors
    /// [`CommandError::KeyReused`] for any other.
    pub(crate) fn claim(
        &self,
        context: &Context,
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
    fn a_key_stands_for_one_video_of_one_person_and_command() {
        let claims = Claims::default();
        let [ana, beto] = [1, 2].map(|n| AccountId(Uuid::from_u128(n)));
        let [first, second] = [3, 4].map(|n| VideoId(Uuid::from_u128(n)));
        let keyed = Context { idempotency_key: Some("key".to_owned()), ..Context::default() };
        let claim = |actor, command, video| claims.claim(&keyed, actor, command, video).is_ok();
        assert!(claim(ana, "vote", first));
        assert!(claim(ana, "vote", first));
        assert!(!claim(ana, "vote", second));
        assert!(claim(beto, "vote", second));
        assert!(claim(ana, "delete", second));
        assert!(claims.claim(&Context::default(), ana, "vote", second).is_ok());
    }
}
