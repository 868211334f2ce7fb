//! Artists, searched by their names.

use super::board_pages::RankedArtist;
use super::handle::Queries;
use super::name_cache::PersonRow;
use crate::boards::Board;
use crate::query_error::QueryError;

/// Persons with a matching name whose positions are looked up at most.
const MAX_MATCHES: i64 = 1_000;

impl Queries {
    /// Artists of `board` whose first or last name begins with `name`, the best positions first, at
    /// most `limit`.
    ///
    /// # Errors
    /// [`QueryError`] if the boards are not loaded, or the database gives no answer.
    pub async fn ranked_by_name(
        &self,
        board: &Board,
        name: &str,
        limit: u32,
    ) -> Result<Vec<RankedArtist>, QueryError> {
        let rows: Vec<PersonRow> = sqlx::query_as(
            r"select account_id, first_name, last_name from visible_persons
              where name_key(first_name || ' ' || last_name) like name_key($1) || '%'
                 or name_key(last_name) like name_key($1) || '%'
              limit $2",
        )
        .bind(literal(name))
        .bind(MAX_MATCHES)
        // Not prepared, and so not a checked macro: the plan uses an index only if it knows the name.
        .persistent(false)
        .fetch_all(&self.pool)
        .await?;
        let (_, mut found) = self.read_boards(|boards| {
            let ranked = |row: PersonRow| {
                let (id, name) = row.into_named();
                Some(RankedArtist { ranked: boards.find(board, id)?, name })
            };
            rows.into_iter().filter_map(ranked).collect::<Vec<_>>()
        })?;
        found.sort_unstable_by_key(|artist| artist.ranked.position);
        found.truncate(limit as usize);
        Ok(found)
    }
}

/// Escapes `text` for a pattern of `like`.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_name_are_escaped() {
        assert_eq!(literal("Ana"), "Ana");
        assert_eq!(literal(r"100%_\"), r"100\%\_\\");
    }
}
