//! Artists, searched by their names.

use super::names::named;
use super::{Queries, QueryError, RankedArtist};
use crate::boards::Board;

/// People of a name whose places are looked up at most.
const LOOKED_AT: i64 = 1_000;

impl Queries {
    /// Artists of `board` whose first or last name begins like this, the best placed first, at most
    /// `limit`.
    ///
    /// # Errors
    /// [`QueryError`] if the boards are not loaded, or the database gives no answer.
    pub async fn ranked_by_name(
        &self,
        board: &Board,
        name: &str,
        limit: u32,
    ) -> Result<Vec<RankedArtist>, QueryError> {
        let rows = sqlx::query(
            r"select account_id, first_name, last_name from visible_persons
              where name_key(first_name || ' ' || last_name) like name_key($1) || '%'
                 or name_key(last_name) like name_key($1) || '%'
              limit $2",
        )
        .bind(literal(name))
        .bind(LOOKED_AT)
        // Planned each time: only a known name can be looked up in an index.
        .persistent(false)
        .fetch_all(&self.pool)
        .await?;
        let people: Vec<_> = rows.iter().map(named).collect::<Result<_, _>>()?;
        let (_, mut found) = self.look(|boards| {
            let place = |(id, name)| Some(RankedArtist { ranked: boards.find(board, id)?, name });
            people.into_iter().filter_map(place).collect::<Vec<_>>()
        })?;
        found.sort_unstable_by_key(|artist| artist.ranked.position);
        found.truncate(limit as usize);
        Ok(found)
    }
}

/// The text in a pattern of `like`, as itself.
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
    fn a_name_is_no_pattern() {
        assert_eq!(literal("Ana"), "Ana");
        assert_eq!(literal(r"100%_\"), r"100\%\_\\");
    }
}
