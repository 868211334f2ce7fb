//! When two texts count as the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The normal form of an email address: compatibility-composed (NFKC), lower case, trimmed.
pub fn normalised_email(email: &str) -> String {
    let lower: String = email.trim().nfkc().flat_map(char::to_lowercase).collect();
    lower.nfkc().collect()
}

/// The key under which cities and countries are compared: no accents, lower case, inner space
/// collapsed.
///
/// `"Bogotá"`, `"BOGOTA"` and `" bogota "` share one key.
pub fn place_key(place: &str) -> String {
    let bare = place.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let bare: String = bare.take(PLACE_KEY_CHARS).collect();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Longest key of a place. A database index holds at most 2,704 bytes a row, and one character can become
/// eighteen when it is decomposed: without a bound, such a place would stop the projection.
const PLACE_KEY_CHARS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_that_differ_in_case_or_unicode_form_are_one() {
        let composed = normalised_email("José@Example.com");
        assert_eq!(composed, normalised_email(" JOSE\u{301}@EXAMPLE.COM "));
        assert_ne!(composed, normalised_email("jose@example.com"));
    }

    #[test]
    fn the_key_of_a_place_fits_into_an_index() {
        let place = "\u{fdfa}".repeat(100);
        assert!(place_key(&place).len() <= 4 * PLACE_KEY_CHARS);
        assert!(place_key(&"\u{10ffff}".repeat(10_000)).len() <= 4 * PLACE_KEY_CHARS);
    }

    #[test]
    fn places_that_differ_in_case_accents_or_spacing_are_one() {
        for spelling in ["Bogotá", "BOGOTA", " bogota\u{301} "] {
            assert_eq!(place_key(spelling), "bogota");
        }
        assert_eq!(place_key("Santa  Marta"), place_key("santa marta"));
        assert_ne!(place_key("Cali"), place_key("Calí de Arriba"));
    }
}
