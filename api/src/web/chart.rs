//! How the leaders of a board came to their votes, drawn by the server.

use maud::{Markup, html};
use projections::queries::{Climb, RankedArtist, VoteHistory};

use super::visit::Visit;

/// Leaders that are drawn. Each has a colour and a dash of its own in the style sheet.
pub(super) const LEADERS: usize = 5;
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 200.0;

/// What is drawn, and what those are called whose lines it shows.
pub(super) struct Chart {
    history: VoteHistory,
    names: Vec<String>,
}

impl Chart {
    /// `None` where there is nothing to see yet.
    pub(super) fn of(history: VoteHistory, leaders: &[RankedArtist]) -> Option<Self> {
        let names = leaders.iter().map(|leader| leader.name.clone()).collect();
        let chart = Self { history, names };
        (chart.highest() > 0).then_some(chart)
    }

    fn highest(&self) -> u64 {
        self.history.climbs.iter().map(total).max().unwrap_or(0)
    }

    pub(super) fn show(&self, visit: &Visit) -> Markup {
        let words = visit.words();
        let highest = self.highest();
        let lines = self.history.climbs.iter().zip(&self.names);
        html! {
            figure.chart.card #chart {
                figcaption { h2 { (words.chart) } }
                div.plot {
                    span.hint aria-hidden="true" { (visit.language.number(highest)) }
                    svg role="img" aria-label=(words.chart) preserveAspectRatio="none"
                        viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
                        path.grid d={ "M0 0H" (WIDTH) "M0 " (HEIGHT / 2.0) "H" (WIDTH) "M0 " (HEIGHT) "H" (WIDTH) } {}
                        @for (n, climb) in self.history.climbs.iter().enumerate() {
                            polyline class=(line(n)) points=(points(climb, highest)) {}
                        }
                    }
                    p.hint {
                        time datetime=(self.history.since.to_rfc3339()) { (visit.language.day(self.history.since)) }
                        span { (words.now) }
                    }
                }
                ol.legend {
                    @for (n, (climb, name)) in lines.enumerate() {
                        li {
                            svg.key aria-hidden="true" viewBox="0 0 28 4" { path class=(line(n)) d="M0 2H28" {} }
                            span { (name) }
                            strong { (visit.language.number(total(climb))) }
                        }
                    }
                }
            }
        }
    }
}

fn total(climb: &Climb) -> u64 {
    climb.votes.last().copied().unwrap_or(0)
}

fn line(n: usize) -> String {
    format!("line line-{}", n + 1)
}

/// From nothing at the left to all votes at the right.
fn points(climb: &Climb, highest: u64) -> String {
    let mut points = format!("0,{HEIGHT}");
    let width = WIDTH / climb.votes.len().max(1) as f64;
    for (step, votes) in (1..).zip(&climb.votes) {
        let height = HEIGHT * (1.0 - *votes as f64 / highest.max(1) as f64);
        points += &format!(" {:.1},{height:.1}", width * f64::from(step));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_nothing_to_its_votes() {
        let climb = |votes: &[u64]| Climb {
            artist: domain::AccountId(uuid::Uuid::nil()),
            votes: votes.to_vec(),
        };
        assert_eq!(points(&climb(&[0, 5, 10]), 10), "0,200 200.0,200.0 400.0,100.0 600.0,0.0");
        assert_eq!(points(&climb(&[]), 0), "0,200");
    }
}
