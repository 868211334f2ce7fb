//! Rules of texts. Lengths count characters (Unicode scalar values), not bytes.

use email_address::{EmailAddress, Options};
use serde_json::Value;

use crate::error::{Problem, RequestPart};

/// The longest address in SMTP, in bytes: RFC 5321, section 4.5.3.1.3, without the angle brackets.
const MAX_EMAIL_BYTES: usize = 254;

/// The kind of a text and the bounds of its length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextRule {
    min: usize,
    max: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One line, trimmed.
    Line,
    /// Several lines, trimmed.
    Lines,
    /// Not trimmed, and never echoed.
    Secret,
}

impl TextRule {
    /// One line of `min` to `max` characters.
    pub(crate) const fn line(min: usize, max: usize) -> Self {
        Self { min, max, kind: Kind::Line }
    }

    /// At most `max` characters, line breaks and tabs allowed.
    pub(crate) const fn lines(max: usize) -> Self {
        Self { min: 0, max, kind: Kind::Lines }
    }

    /// A password of `min` to `max` characters.
    pub(crate) const fn secret(min: usize, max: usize) -> Self {
        Self { min, max, kind: Kind::Secret }
    }

    /// The least and the most characters, where there is a bound.
    pub(crate) fn bounds(self) -> (Option<usize>, Option<usize>) {
        let (min, max) = (self.min, self.max);
        ((min > 0).then_some(min), (max < usize::MAX).then_some(max))
    }

    /// Whether it is a secret, which is never echoed.
    pub(crate) fn is_secret(self) -> bool {
        self.kind == Kind::Secret
    }

    /// The text as it will be stored.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(
        self,
        part: RequestPart,
        field: &'static str,
        text: &str,
    ) -> Result<String, Problem> {
        let bare = if self.is_secret() { text } else { text.trim() };
        let count = bare.chars().count();
        let problem = if has_control_characters(bare, self.kind) {
            control_characters(part, field)
        } else if count < self.min {
            Problem::too_short(part, field, self.min)
        } else if count > self.max {
            Problem::too_long(part, field, self.max)
        } else {
            return Ok(bare.to_owned());
        };
        Err(problem.with_input(self.echo(text)))
    }

    /// What a problem echoes of the text: nothing of a secret.
    fn echo(self, text: &str) -> Option<Value> {
        (!self.is_secret()).then(|| Value::from(text))
    }
}

fn has_control_characters(text: &str, kind: Kind) -> bool {
    let is_allowed = |c| kind == Kind::Lines && matches!(c, '\n' | '\r' | '\t');
    text.chars().any(|c| c.is_control() && !is_allowed(c))
}

fn control_characters(part: RequestPart, field: &'static str) -> Problem {
    Problem::value(part, field, "El texto no puede contener caracteres de control")
}

/// Checks an email address: `local@domain.tld` without comments, quotes or display name. Letters of
/// every script are allowed (RFC 6531).
pub(crate) fn email(field: &'static str, text: &str) -> Result<String, Problem> {
    let bare = text.trim();
    if has_control_characters(bare, Kind::Line) {
        return Err(
            control_characters(RequestPart::Body, field).with_input(Some(Value::from(text)))
        );
    }
    match email_fault(bare) {
        None => Ok(bare.to_owned()),
        Some(why) => Err(Problem::bad_email(field, why).with_input(Some(Value::from(text)))),
    }
}

fn email_fault(address: &str) -> Option<&'static str> {
    if !address.contains('@') {
        return Some("An email address must have an @-sign.");
    }
    if address.len() > MAX_EMAIL_BYTES {
        return Some("The email address is too long.");
    }
    let options =
        Options::default().with_required_tld().without_domain_literal().without_display_text();
    let parsed = EmailAddress::parse_with_options(address, options).ok();
    let is_valid = parsed.is_some_and(|parsed| {
        let local = parsed.local_part();
        !local.contains('"')
            && !address.contains(char::is_whitespace)
            && !parsed.domain().starts_with(['-', '.'])
            && !parsed.domain().ends_with(['-', '.'])
    });
    (!is_valid).then_some("The email address is not written as name@domain.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(rule: TextRule, text: &str) -> Option<&'static str> {
        rule.check(RequestPart::Body, "field", text).err().map(|problem| problem.kind)
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        let name = TextRule::line(1, 100);
        assert_eq!(kind_of(name, &"ñ".repeat(100)), None);
        assert_eq!(kind_of(name, &"𝄞".repeat(101)), Some("string_too_long"));
        assert_eq!(kind_of(name, ""), Some("string_too_short"));
        assert_eq!(kind_of(name, " \u{2003} "), Some("string_too_short"));
        assert_eq!(name.check(RequestPart::Body, "field", "  Ana "), Ok("Ana".to_owned()));
    }

    #[test]
    fn control_characters_are_rejected() {
        for text in ["a\0b", "a\nb", "a\u{85}b", "a\u{7f}b"] {
            assert_eq!(kind_of(TextRule::line(1, 9), text), Some("value_error"), "{text:?}");
            assert_eq!(kind_of(TextRule::secret(1, 9), text), Some("value_error"), "{text:?}");
        }
        assert_eq!(kind_of(TextRule::lines(9), "a\r\n\tb"), None);
        assert_eq!(kind_of(TextRule::lines(9), "a\0b"), Some("value_error"));
    }

    #[test]
    fn a_password_is_not_trimmed_and_never_echoed() {
        let password = TextRule::secret(8, 128);
        assert_eq!(password.check(RequestPart::Body, "p", "  seven "), Ok("  seven ".to_owned()));
        for text in ["s3cr3t!", &"x".repeat(129), "with\0nul1"] {
            let problem = password.check(RequestPart::Body, "p", text).unwrap_err();
            assert!(!serde_json::to_string(&problem).unwrap().contains(text), "{problem:?}");
        }
        assert_eq!(kind_of(password, &"é".repeat(128)), None);
    }

    #[test]
    fn an_email_is_a_bare_address() {
        for good in ["ana@example.com", " ana+anb@mail.example.co ", "josé@correo.es", "a@b.co"] {
            assert_eq!(email("email", good), Ok(good.trim().to_owned()));
        }
        let long = format!("{}@example.com", "a".repeat(64 + 200));
        for bad in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@localhost",
            "ana@@example.com",
            "ana@exa mple.com",
            "Ana <ana@example.com>",
            "\"ana b\"@example.com",
            "ana@[127.0.0.1]",
            "ana@example..com",
            "ana@.com",
            "ana@-example.com",
            ".ana@example.com",
            "a\0na@example.com",
            &long,
        ] {
            assert_eq!(email("email", bad).err().map(|p| p.kind), Some("value_error"), "{bad:?}");
        }
    }
}
