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
    let bare: String =
        place.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

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
    fn places_that_differ_in_case_accents_or_spacing_are_one() {
        for spelling in ["Bogotá", "BOGOTA", " bogota\u{301} "] {
            assert_eq!(place_key(spelling), "bogota");
        }
        assert_eq!(place_key("Santa  Marta"), place_key("santa marta"));
        assert_ne!(place_key("Cali"), place_key("Calí de Arriba"));
    }
}
