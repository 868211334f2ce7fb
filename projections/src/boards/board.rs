//! Boards by city and country.

use std::collections::HashSet;

use domain::text::place_key;

/// A set of artists who compete: all, those of a country, of a city, or of a city in a country. Holds
/// the keys under which place names compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Board {
    city: Option<String>,
    country: Option<String>,
}

impl Board {
    /// The board of a city or a country, in any spelling; a blank one means any.
    pub fn of(city: Option<&str>, country: Option<&str>) -> Self {
        let key = |place: Option<&str>| place.map(place_key).filter(|key| !key.is_empty());
        Self { city: key(city), country: key(country) }
    }

    /// All boards that an artist from this city and country is on. A board listed here is kept,
    /// counted and served; nothing else defines boards.
    pub(super) fn all_of(city: &str, country: &str) -> Vec<Self> {
        let mut boards = vec![
            Self::default(),
            Self::of(None, Some(country)),
            Self::of(Some(city), None),
            Self::of(Some(city), Some(country)),
        ];
        // The key of a name that consists of accents is empty: then some of these are equal.
        let mut seen = HashSet::new();
        boards.retain(|board| seen.insert(board.clone()));
        boards
    }

    /// The city's key.
    pub fn city(&self) -> Option<&str> {
        self.city.as_deref()
    }

    /// The country's key.
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_place_names_the_same_board() {
        let board = Board::of(Some("BOGOTÁ"), None);
        assert_eq!(board, Board::of(Some(" bogota "), Some("  ")));
        assert_ne!(board, Board::of(None, Some("bogota")));
    }

    #[test]
    fn the_boards_of_an_artist_are_distinct() {
        assert_eq!(Board::all_of("Lima", "Perú").len(), 4);
        assert_eq!(Board::all_of("\u{301}", "Perú").len(), 2);
        assert_eq!(Board::all_of("\u{301}", "\u{301}"), [Board::default()]);
    }
}
