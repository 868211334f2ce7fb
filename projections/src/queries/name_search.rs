//! Artists, searched by their names.
//!
//! Names are in the database, positions are in memory. A rare name is looked up by the index of names,
//! and the boards say which of the persons are artists. A name that very many persons share would fetch
//! mostly voters. Then the artists of the board are checked from the best one down.

use domain::AccountId;
use uuid::Uuid;

use super::board_pages::RankedArtist;
use super::handle::Queries;
use crate::boards::Board;
use crate::query_error::QueryError;

/// Persons that one search fetches by the index of names at most. 16 bytes each.
const MAX_PERSONS: usize = 10_000;
/// Artists of a board that one query checks. Their number doubles from query to query.
const FIRST_CHECKED: u32 = 1_000;
/// Artists of a board that one search checks at most.
const MAX_CHECKED: u64 = 200_000;

impl Queries {
    /// Artists of `board` whose first or last name begins with `name`, the best positions first, at
    /// most `limit`. They are found among any number of persons with such a name, on a board of
    /// 200,000 artists.
    ///
    /// # Errors
    /// [`QueryError`] if the boards are not loaded, or the database gives no answer.
    pub async fn ranked_by_name(
        &self,
        board: &Board,
        name: &str,
        limit: u32,
    ) -> Result<Vec<RankedArtist>, QueryError> {
        let pattern = NamePattern::beginning_with(name);
        let mut found = self.persons_named(&pattern).await?;
        if found.len() >= MAX_PERSONS {
            found.extend(self.best_named(board, &pattern, limit as usize).await?);
            found.sort_unstable();
            found.dedup();
        }
        // One version of the boards gives all positions.
        let (_, ranked) = self.read_boards(|boards| {
            let positions = boards.positions(board, &found);
            let found = found.iter().zip(positions).filter(|(_, position)| position.is_some());
            let mut best: Vec<_> = found.map(|(artist, position)| (position, *artist)).collect();
            best.sort_unstable();
            best.truncate(limit as usize);
            best.iter().filter_map(|(_, artist)| boards.find(board, *artist)).collect::<Vec<_>>()
        })?;
        self.name(ranked).await
    }

    /// Persons with this name, at most [`MAX_PERSONS`], in no particular order.
    async fn persons_named(&self, pattern: &NamePattern) -> Result<Vec<AccountId>, QueryError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            r"select account_id from visible_persons
              where name_key(first_name || ' ' || last_name) like name_key($1) || '%'
                 or name_key(last_name) like name_key($1) || '%'
              limit $2",
        )
        .bind(&pattern.0)
        .bind(MAX_PERSONS as i64)
        // Not prepared, and so not a checked macro: the plan uses an index only if it knows the name.
        .persistent(false)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(AccountId).collect())
    }

    /// The best `limit` artists of the board with this name, among the first [`MAX_CHECKED`].
    async fn best_named(
        &self,
        board: &Board,
        pattern: &NamePattern,
        limit: usize,
    ) -> Result<Vec<AccountId>, QueryError> {
        let mut found = Vec::new();
        let (mut checked, mut size) = (0, FIRST_CHECKED);
        while found.len() < limit && checked < MAX_CHECKED {
            let (_, page) = self.read_boards(|boards| boards.page(board, checked, size))?;
            if page.artists.is_empty() {
                break;
            }
            let artists = page.artists.iter().map(|ranked| ranked.standing.artist.0).collect();
            found.extend(self.named_among(artists, pattern).await?);
            checked += u64::from(size);
            size *= 2;
        }
        Ok(found)
    }

    /// Those of the artists who have this name.
    async fn named_among(
        &self,
        artists: Vec<Uuid>,
        pattern: &NamePattern,
    ) -> Result<Vec<AccountId>, QueryError> {
        // A subquery without `offset 0` would let Postgres search by the name, which very many have.
        let ids = sqlx::query_scalar!(
            r#"select account_id as "id!" from (
                 select account_id, first_name, last_name from visible_persons
                 where account_id = any($1) offset 0
             ) as artist
             where name_key(first_name || ' ' || last_name) like name_key($2) || '%'
                or name_key(last_name) like name_key($2) || '%'"#,
            &artists,
            &pattern.0,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(AccountId).collect())
    }
}

/// The beginning of a name, escaped for `like`.
struct NamePattern(String);

impl NamePattern {
    fn beginning_with(name: &str) -> Self {
        let mut pattern = String::with_capacity(name.len());
        for character in name.chars() {
            if matches!(character, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        Self(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_name_are_escaped() {
        assert_eq!(NamePattern::beginning_with("Ana").0, "Ana");
        assert_eq!(NamePattern::beginning_with(r"100%_\").0, r"100\%\_\\");
    }
}
