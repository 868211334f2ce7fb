//! Changes of the ranking, artist by artist.

use domain::AccountId;
use domain::ranking::Standing;

/// What changed for an artist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The artist ranks, with this standing.
    Ranks {
        /// The standing.
        standing: Standing,
        /// Their city, as they spell it.
        city: String,
        /// Their country, as they spell it.
        country: String,
    },
    /// The artist has no published video any more.
    Leaves(AccountId),
}

impl Change {
    /// Whom the change is about.
    pub fn artist(&self) -> AccountId {
        match self {
            Self::Ranks { standing, .. } => standing.artist,
            Self::Leaves(artist) => *artist,
        }
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        match self {
            Self::Ranks { standing, .. } => Some(*standing),
            Self::Leaves(_) => None,
        }
    }
}
