//! Sentences: no private words, and none so long that a reader starts over.
//!
//! Prose is Markdown text and comments in code. A table cell is a text of its own. Code blocks, headings
//! and text in backticks do not count.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Sentences with more words than this are reported. A colon ends a sentence, a semicolon does not.
pub const WORD_LIMIT: usize = 26;

/// Words that nobody needs in a technical text, or that once were private names here; with what to
/// write instead.
const BANNED: [(&str, &str); 14] = [
    (r"whoever", "name the actor"),
    (r"whatever comes", "say what"),
    (r"anew", "again"),
    (r"fares?", "say what is measured"),
    (r"in vain", "until the timeout"),
    (r"turned away", "rejected"),
    (r"patience", "timeout"),
    (r"this room", "this crate"),
    (r"(?:come|comes|came|coming) on stage", "is published"),
    (r"signs? of life", "health check, heartbeat"),
    (r"hangups?", "disconnect"),
    (r"begins? again", "restarts"),
    (r"all of a sudden", "say when"),
    (r"so to speak", "delete it"),
];

static BANNED_WORDS: LazyLock<Vec<(&str, Regex, &str)>> = LazyLock::new(|| {
    let compile = |(word, instead)| (word, pattern(&format!(r"(?i)\b{word}\b")), instead);
    BANNED.into_iter().map(compile).collect()
});
static SENTENCE_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"[.!?:](?:\s|$)"));
static BACKTICKS: LazyLock<Regex> = LazyLock::new(|| pattern(r"`[^`]*`"));
static LINK_TARGET: LazyLock<Regex> = LazyLock::new(|| pattern(r"\]\([^)]*\)"));
static LIST_ITEM: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:[-*]|\d+\.)\s"));

// Every expression in this file is a constant, and the tests compile each of them.
#[allow(clippy::unwrap_used)]
fn pattern(expression: &str) -> Regex {
    Regex::new(expression).unwrap()
}

/// One finding: the line it begins on, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line number, counted from 1.
    pub line: usize,
    /// The rule and the text that breaks it.
    pub message: String,
}

/// What is wrong with the prose in a file.
pub fn findings(path: &Path, text: &str) -> Vec<Finding> {
    let paragraphs = match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => markdown(text),
        Some("rs" | "js") => comments(text, "//"),
        Some("sql") => comments(text, "--"),
        _ => comments(text, "#"),
    };
    paragraphs.iter().flat_map(|(line, paragraph)| check(*line, paragraph)).collect()
}

fn check(line: usize, paragraph: &str) -> Vec<Finding> {
    let prose = without_code(paragraph);
    let mut findings = Vec::new();
    for (word, expression, instead) in BANNED_WORDS.iter() {
        if expression.is_match(&prose) {
            findings.push(Finding { line, message: format!("`{word}`: {instead}") });
        }
    }
    for sentence in SENTENCE_END.split(&prose) {
        let words = sentence.split_whitespace().filter(|word| word.contains(char::is_alphabetic));
        let count = words.count();
        if count > WORD_LIMIT {
            let message = format!("{count} words (at most {WORD_LIMIT}): {}", sentence.trim());
            findings.push(Finding { line, message });
        }
    }
    findings
}

/// Text in backticks and the targets of links are no words.
fn without_code(text: &str) -> String {
    let text = BACKTICKS.replace_all(text, "x");
    LINK_TARGET.replace_all(&text, "]").into_owned()
}

/// Paragraphs and list items of a Markdown text. A table cell is a paragraph.
fn markdown(text: &str) -> Vec<(usize, String)> {
    let mut paragraphs = Paragraphs::default();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            paragraphs.end();
        } else if in_code || line.trim().is_empty() || line.starts_with(['#', '<']) {
            paragraphs.end();
        } else if line.trim_start().starts_with('|') {
            paragraphs.end();
            for cell in line.split('|') {
                paragraphs.add(number + 1, cell);
                paragraphs.end();
            }
        } else {
            if LIST_ITEM.is_match(line) {
                paragraphs.end();
            }
            paragraphs.add(number + 1, line);
        }
    }
    paragraphs.finished()
}

/// Comments that fill whole lines. Those in a row are one text, read as Markdown.
fn comments(text: &str, marker: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut block = String::new();
    let mut first = 0;
    for (number, line) in text.lines().chain([""]).enumerate() {
        match line.trim_start().strip_prefix(marker) {
            Some(comment) => {
                if block.is_empty() {
                    first = number;
                }
                let comment = comment.trim_start_matches(['/', '!']);
                block.push_str(comment.strip_prefix(' ').unwrap_or(comment));
                block.push('\n');
            }
            None if !block.is_empty() => {
                let paragraphs = markdown(&block);
                found.extend(paragraphs.into_iter().map(|(line, text)| (first + line, text)));
                block.clear();
            }
            None => {}
        }
    }
    found
}

#[derive(Default)]
struct Paragraphs {
    all: Vec<(usize, String)>,
    open: Option<(usize, String)>,
}

impl Paragraphs {
    fn add(&mut self, line: usize, text: &str) {
        let (_, open) = self.open.get_or_insert_with(|| (line, String::new()));
        open.push_str(text.trim());
        open.push(' ');
    }

    fn end(&mut self) {
        self.all.extend(self.open.take());
    }

    fn finished(mut self) -> Vec<(usize, String)> {
        self.end();
        self.all
    }
}
