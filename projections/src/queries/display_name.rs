//! Names of persons as pages show them.

/// The name shown for a person who was erased.
pub const NEUTRAL_NAME: &str = "Artista anónimo";

/// A person's name as pages show it: neutral if a part of it is unknown.
pub fn display_name(first: Option<String>, last: Option<String>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("{first} {last}"),
        _ => NEUTRAL_NAME.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_person_has_a_neutral_name() {
        assert_eq!(display_name(Some("Ana".into()), Some("Díaz".into())), "Ana Díaz");
        assert_eq!(display_name(None, None), NEUTRAL_NAME);
    }
}
