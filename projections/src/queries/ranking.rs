//! One page of a board.

use domain::AccountId;
use domain::text::place_key;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Queries, QueryError, display_name, offset, unsigned};

/// Which artists compete with each other: all of them, those of a country, of a city, or of a city
/// in a country. Holds the keys under which places compare.
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

    /// The city's key.
    pub fn city(&self) -> Option<&str> {
        self.city.as_deref()
    }

    /// The country's key.
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }
}

/// An artist on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedArtist {
    /// The artist.
    pub artist: AccountId,
    /// Their name, or a neutral one.
    pub name: String,
    /// Their city, as they spelled it.
    pub city: String,
    /// Their country, as they spelled it.
    pub country: String,
    /// Votes over all their published videos.
    pub votes: u64,
}

/// Some consecutive rows of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingPage {
    /// The generation of the ranking that the page shows.
    pub generation: u64,
    /// Artists on the whole board.
    pub total: u64,
    /// The rows, in rank order.
    pub artists: Vec<RankedArtist>,
}

/// One statement per combination of filters, so that each can use the index made for it.
macro_rules! page_of {
    ($filter:literal) => {
        concat!(
            "select head.generation, board.total, page.*
             from ranking_head head
             cross join (
                 select count(*) as total from ranking r where r.votes is not null",
            $filter,
            ") board
             left join lateral (
                 select r.artist_id, r.city, r.country, r.votes, r.reached_at,
                        p.first_name, p.last_name
                 from ranking r left join people p on p.account_id = r.artist_id
                 where r.votes is not null",
            $filter,
            "    order by r.votes desc, r.reached_at, r.artist_id
                 limit $1 offset $2
             ) page on true
             order by page.votes desc, page.reached_at, page.artist_id"
        )
    };
}

impl Queries {
    /// The rows of `board` after the first `skip`, at most `limit`.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn ranking(
        &self,
        board: &Board,
        skip: u64,
        limit: u32,
    ) -> Result<RankingPage, QueryError> {
        let query = match (&board.city, &board.country) {
            (None, None) => sqlx::query(page_of!("")),
            (Some(_), None) => sqlx::query(page_of!(" and r.city_key = $3")),
            (None, Some(_)) => sqlx::query(page_of!(" and r.country_key = $3")),
            (Some(_), Some(_)) => {
                sqlx::query(page_of!(" and r.city_key = $3 and r.country_key = $4"))
            }
        };
        let mut query = query.bind(i64::from(limit)).bind(offset(skip));
        for key in [&board.city, &board.country].into_iter().flatten() {
            query = query.bind(key);
        }
        let rows = query.fetch_all(&self.pool).await?;
        let Some(first) = rows.first() else {
            return Err(QueryError::Broken("ranking_head is empty".to_owned()));
        };
        Ok(RankingPage {
            generation: unsigned(first.try_get("generation")?)?,
            total: unsigned(first.try_get("total")?)?,
            artists: rows
                .iter()
                .filter_map(|row| artist(row).transpose())
                .collect::<Result<Vec<_>, _>>()?,
        })
    }
}

/// `None` for the lone row of an empty page.
fn artist(row: &PgRow) -> Result<Option<RankedArtist>, QueryError> {
    let Some(artist) = row.try_get::<Option<uuid::Uuid>, _>("artist_id")? else {
        return Ok(None);
    };
    Ok(Some(RankedArtist {
        artist: AccountId(artist),
        name: display_name(row.try_get("first_name")?, row.try_get("last_name")?),
        city: row.try_get("city")?,
        country: row.try_get("country")?,
        votes: unsigned(row.try_get("votes")?)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_one_in_every_spelling() {
        let board = Board::of(Some("BOGOTÁ"), None);
        assert_eq!(board, Board::of(Some(" bogota "), Some("  ")));
        assert_ne!(board, Board::of(None, Some("bogota")));
    }
}
