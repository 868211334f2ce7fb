//! Commands that the fold rejected.

use domain::Rejection;

use super::table::{AuthError, Row, rejection};

/// A command that the fold rejected. Its status depends on the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RejectedCommand {
    #[error("registration rejected: {0}")]
    Registration(Rejection),
    #[error("upload rejected: {0}")]
    Upload(Rejection),
    #[error("deletion rejected: {0}")]
    Deletion(Rejection),
    #[error("vote rejected: {0}")]
    Vote(Rejection),
}

impl RejectedCommand {
    pub(super) fn row(self) -> Row {
        match self {
            Self::Registration(reason) => rejection(400, reason),
            Self::Upload(Rejection::AccountErased) => AuthError::AccountGone.row(),
            Self::Upload(reason) => rejection(409, reason),
            Self::Deletion(reason) => match reason {
                Rejection::VideoUnknown | Rejection::VideoDeleted => rejection(404, reason),
                Rejection::NotOwner => rejection(403, reason),
                Rejection::EmailTaken
                | Rejection::AccountUnknown
                | Rejection::AccountErased
                | Rejection::AlreadyOperator
                | Rejection::NotOperator
                | Rejection::VideoExists
                | Rejection::HasVotes { .. }
                | Rejection::NotVotable
                | Rejection::AlreadyVoted
                | Rejection::AlreadyFinished => rejection(400, reason),
            },
            Self::Vote(Rejection::VideoUnknown | Rejection::VideoDeleted) => {
                let code = Rejection::VideoUnknown.code();
                Row::new(404, code, "Video no encontrado")
            }
            Self::Vote(reason) => rejection(400, reason),
        }
    }
}

/// Code and detail of a rejection whose command is not known.
pub(crate) fn rejection_row(reason: Rejection) -> Row {
    rejection(400, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: RejectedCommand) -> (u16, String, &'static str) {
        let Row { status, code, detail } = error.row();
        (status.as_u16(), detail.into_owned(), code)
    }

    #[test]
    fn a_rejected_deletion_has_its_own_statuses() {
        let rejected = |reason| shown(RejectedCommand::Deletion(reason));
        assert_eq!(
            rejected(Rejection::HasVotes { votes: 3 }),
            (400, "Cannot delete video: it has 3 vote(s)".into(), "has_votes")
        );
        assert_eq!(rejected(Rejection::NotOwner).0, 403);
        let gone = (404, "Video not found".into(), "video_unknown");
        assert_eq!(rejected(Rejection::VideoDeleted), gone);
        assert_eq!(rejected(Rejection::VideoUnknown), gone);
    }

    #[test]
    fn a_rejected_vote_has_its_own_sentences() {
        let rejected = |reason| shown(RejectedCommand::Vote(reason));
        let gone = (404, "Video no encontrado".into(), "video_unknown");
        assert_eq!(rejected(Rejection::VideoDeleted), gone);
        assert_eq!(
            rejected(Rejection::AlreadyVoted),
            (400, "Ya has votado por este video".into(), "already_voted")
        );
        assert_eq!(
            rejected(Rejection::NotVotable),
            (400, "Este video no está disponible para votación".into(), "not_votable")
        );
    }
}
