//! Invented people. Any likeness to real ones is chance: names are drawn from lists.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::data::{CITIES, FIRST_NAMES, LAST_NAMES, MOODS, STYLES};

/// Somebody who can sign up.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) city: &'static str,
    pub(crate) country: &'static str,
}

/// Everybody: artists first, each with the title of a video at the same index, then fans.
pub(crate) struct Cast {
    pub(crate) people: Vec<Person>,
    pub(crate) videos: Vec<String>,
}

impl Cast {
    pub(crate) fn invent(rng: &mut StdRng, seed: u64, artists: u32, fans: u32) -> Self {
        let people = (0..artists + fans).map(|number| invent(rng, seed, number)).collect();
        let videos = (0..artists).map(|_| title(rng)).collect();
        Self { people, videos }
    }
}

pub(super) fn invent(rng: &mut StdRng, seed: u64, number: u32) -> Person {
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

pub(super) fn title(rng: &mut StdRng) -> String {
    let mut word = |words: &[&'static str]| words.choose(rng).copied().unwrap_or("en vivo");
    format!("{} {}", word(&STYLES), word(&MOODS))
}
