//! Invented participants of a demo contest. Their names are drawn from lists.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::data::{CITIES, FIRST_NAMES, LAST_NAMES, MOODS, STYLES};

/// The form of a sign-up.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) city: &'static str,
    pub(super) country: &'static str,
}

/// Artists, then fans. `videos` has one title per artist, in the same order.
pub(super) struct Participants {
    pub(super) people: Vec<Person>,
    pub(super) videos: Vec<String>,
}

impl Participants {
    pub(super) fn invent(rng: &mut StdRng, seed: u64, artists: u32, fans: u32) -> Self {
        let people = (0..artists + fans).map(|number| person(rng, seed, number)).collect();
        let videos = (0..artists).map(|_| title(rng)).collect();
        Self { people, videos }
    }
}

fn person(rng: &mut StdRng, seed: u64, number: u32) -> Person {
    let mut name = |names: &[&'static str]| names.choose(rng).copied().unwrap_or("Ana");
    let first_name = name(&FIRST_NAMES).to_owned();
    let last_name = format!("{} {}", name(&LAST_NAMES), name(&LAST_NAMES));
    let (city, country) = place(rng);
    // example.org never receives mail (RFC 2606, section 3).
    let email = format!("demo.{seed}.{number}@example.org");
    let password = format!("demo-password-{seed}-{number}");
    Person { first_name, last_name, email, password, city, country }
}

fn place(rng: &mut StdRng) -> (&'static str, &'static str) {
    let total: u32 = CITIES.iter().map(|(_, _, weight)| weight).sum();
    let mut drawn = rng.random_range(0..total);
    for (city, country, weight) in CITIES {
        match drawn.checked_sub(weight) {
            Some(rest) => drawn = rest,
            None => return (city, country),
        }
    }
    ("Bogotá", "Colombia")
}

fn title(rng: &mut StdRng) -> String {
    let mut word = |words: &[&'static str]| words.choose(rng).copied().unwrap_or("en vivo");
    format!("{} {}", word(&STYLES), word(&MOODS))
}
