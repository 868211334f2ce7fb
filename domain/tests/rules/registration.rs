//! Registration: one account per email address.

use domain::{Account, EmailKey, Rejection};

use super::dsl::*;

#[test]
fn the_first_registration_of_an_email_makes_an_account() {
    given([])
        .when(registers("ana", "ana@example.com").called("sign-up"))
        .then(accepted())
        .and(
            |then| then.account("ana@example.com").clone(),
            Account {
                id: person("ana"),
                city: "Cali".into(),
                country: "Colombia".into(),
                registered_at: moment(0),
                registered_by: event_id("sign-up"),
            },
        )
        .and(|then| then.changes.accounts.clone(), [email("ana@example.com")].into())
        .and_touches_artists(["ana"]);
}

#[test]
fn the_second_registration_of_an_email_is_rejected() {
    given([registers("ana", "ana@example.com")])
        .when(registers("impostor", "ana@example.com"))
        .then(rejected(Rejection::EmailTaken))
        .and(|then| then.account("ana@example.com").id, person("ana"));
}

#[test]
fn an_email_is_taken_in_any_letter_case_and_unicode_form() {
    given([registers("ana", "José@Example.com")])
        .when(registers("impostor", "JOSE\u{301}@EXAMPLE.COM"))
        .then(rejected(Rejection::EmailTaken));
}

#[test]
fn another_email_registers_another_account() {
    given([registers("ana", "ana@example.com")])
        .when(registers("beto", "beto@example.com"))
        .then(accepted())
        .and(|then| then.contest.accounts.len(), 2);
}

#[test]
fn a_registration_delivered_twice_counts_once() {
    given([registers("ana", "ana@example.com").called("sign-up")])
        .when(registers("ana", "ana@example.com").called("sign-up"))
        .then(duplicate_of(accepted()));
}

#[test]
fn a_rejected_registration_delivered_twice_stays_rejected() {
    given([
        registers("ana", "ana@example.com"),
        registers("impostor", "ana@example.com").called("late"),
    ])
    .when(registers("impostor", "ana@example.com").called("late"))
    .then(duplicate_of(rejected(Rejection::EmailTaken)))
    .and(|then| then.contest.rejections[&event_id("late")].1, moment(1));
}

#[test]
fn an_email_key_hides_the_address_and_depends_on_the_secret() {
    let key = EmailKey::derive(&[7; 32], "ana@example.com");
    assert!(!key.as_str().contains("ana"));
    assert_ne!(key, EmailKey::derive(&[8; 32], "ana@example.com"));
    assert_eq!(EmailKey::parse(key.as_str()), Some(key.clone()));
    assert_eq!(EmailKey::parse(&key.as_str().to_uppercase()), None);
    assert_eq!(EmailKey::parse(&key.as_str()[1..]), None);
}
