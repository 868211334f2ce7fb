//! A chart of the votes of a board's leaders over time, as SVG.

use maud::{Markup, html};
use projections::queries::{RankedArtist, VoteHistory, VoteTimeline};

use super::page_context::PageContext;

/// Leaders in a chart. The style sheet has a colour and dashes for each line.
pub(super) const CHART_LINES: usize = 5;
const CHART_WIDTH: f64 = 600.0;
const CHART_HEIGHT: f64 = 200.0;

/// The votes of some artists over time, with their names.
pub(super) struct Chart {
    history: VoteHistory,
    names: Vec<String>,
}

impl Chart {
    /// `None` if nobody has votes in this time.
    pub(super) fn new(history: VoteHistory, leaders: &[RankedArtist]) -> Option<Self> {
        let names = leaders.iter().map(|leader| leader.name.clone()).collect();
        let chart = Self { history, names };
        (chart.highest() > 0).then_some(chart)
    }

    fn highest(&self) -> u64 {
        self.history.timelines.iter().map(total).max().unwrap_or(0)
    }

    pub(super) fn render(&self, ctx: &PageContext) -> Markup {
        let messages = ctx.messages();
        let highest = self.highest();
        let lines = self.history.timelines.iter().zip(&self.names);
        html! {
            figure.chart.card #chart {
                figcaption { h2 { (messages.chart) } }
                div.plot {
                    span.hint aria-hidden="true" { (ctx.language.number(highest)) }
                    svg role="img" aria-label=(messages.chart) preserveAspectRatio="none"
                        viewBox={ "0 0 " (CHART_WIDTH) " " (CHART_HEIGHT) } {
                        path.grid d={ "M0 0H" (CHART_WIDTH) "M0 " (CHART_HEIGHT / 2.0) "H" (CHART_WIDTH) "M0 " (CHART_HEIGHT) "H" (CHART_WIDTH) } {}
                        @for (n, timeline) in self.history.timelines.iter().enumerate() {
                            polyline class=(line_class(n)) points=(points(timeline, highest)) {}
                        }
                    }
                    p.hint {
                        time datetime=(self.history.since.to_rfc3339()) { (ctx.language.day(self.history.since)) }
                        span { (messages.now) }
                    }
                }
                ol.legend {
                    @for (n, (timeline, name)) in lines.enumerate() {
                        li {
                            svg.key aria-hidden="true" viewBox="0 0 28 4" { path class=(line_class(n)) d="M0 2H28" {} }
                            span { (name) }
                            strong { (ctx.language.number(total(timeline))) }
                        }
                    }
                }
            }
        }
    }
}

fn total(timeline: &VoteTimeline) -> u64 {
    timeline.votes.last().copied().unwrap_or(0)
}

fn line_class(n: usize) -> String {
    format!("line line-{}", n + 1)
}

/// The points of a line: from zero votes at the left to all votes at the right.
fn points(timeline: &VoteTimeline, highest: u64) -> String {
    let mut points = format!("0,{CHART_HEIGHT}");
    let width = CHART_WIDTH / timeline.votes.len().max(1) as f64;
    for (step, votes) in (1..).zip(&timeline.votes) {
        let height = CHART_HEIGHT * (1.0 - *votes as f64 / highest.max(1) as f64);
        points += &format!(" {:.1},{height:.1}", width * f64::from(step));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_zero_to_all_votes() {
        let timeline = |votes: &[u64]| VoteTimeline {
            artist: domain::AccountId(uuid::Uuid::nil()),
            votes: votes.to_vec(),
        };
        assert_eq!(points(&timeline(&[0, 5, 10]), 10), "0,200 200.0,200.0 400.0,100.0 600.0,0.0");
        assert_eq!(points(&timeline(&[]), 0), "0,200");
    }
}
