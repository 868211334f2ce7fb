//! `GET /operations`: lag, queues, rebuilds and failures of the installation, for operators.

mod lag;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use chrono::Utc;
use commands::Commands;
use maud::{Markup, html};
use projections::queries::{DeadLetterSummary, Installation, Queries};

use super::assets;
use super::layout::Page;
use super::page_context::{PageContext, SignedIn};
use crate::error::{ApiError, AuthError};
use crate::health::{Check, Health};
use lag::Lag;

pub(super) async fn page(
    State(queries): State<Queries>,
    State(commands): State<Commands>,
    State(health): State<Arc<dyn Health>>,
    SignedIn { ctx, account }: SignedIn,
) -> Result<Response, ApiError> {
    if !queries.is_operator(account).await? {
        return Err(AuthError::OperatorsOnly.into());
    }
    // Read the log's ends before the checkpoints: the other order would show lag that is not there.
    let ends = commands.log_end_offsets().await;
    let installation = queries.installation().await?;
    let lag = ends.ok().map(|ends| Lag::of(&ends, &installation.checkpoints));
    let checks = health.checks().await;
    let outcomes = commands.outcomes();
    let messages = ctx.messages();
    Ok(Page::new(&ctx, messages.operations).script(&assets::REFRESH).render(&html! {
        div.heading {
            h1 { (messages.operations) }
            a.button href="/operations" { (messages.refresh) }
        }
        div #operations data-refresh {
            p.hint {
                (messages.as_of) " "
                time datetime=(Utc::now().to_rfc3339()) { (Utc::now().format("%H:%M:%S")) " UTC" }
            }
            (figures(&ctx, &installation, lag.as_ref()))
            div.panels {
                (health_checks(&ctx, &checks))
                (partitions(&ctx, lag.as_ref()))
                (count_table(&ctx, messages.rejections, messages.rejections_hint, [messages.reason, messages.number_of_times],
                    installation.rejections.iter().map(|(reason, n)| (reason.clone(), *n))))
                (count_table(&ctx, messages.command_outcomes, messages.command_outcomes_hint, [messages.outcome, messages.number_of_times],
                    outcomes.iter().map(|((command, verdict), n)| (format!("{command}: {verdict}"), *n))))
                (dead_letters(&ctx, &installation.newest_dead_letters))
            }
        }
    }))
}

/// The four most important figures.
fn figures(ctx: &PageContext, installation: &Installation, lag: Option<&Lag>) -> Markup {
    let messages = ctx.messages();
    let number = |n: u64| ctx.language.number(n);
    let queue = &installation.queue;
    let behind = lag.map_or_else(|| "–".to_owned(), |lag| number(lag.total()));
    let rebuild = installation.rebuild.as_ref();
    html! {
        dl.figures {
            (figure(messages.lag, &behind, messages.lag_hint, lag.is_none()))
            (figure(messages.queue, &number(queue.videos), &match queue.oldest {
                Some(oldest) => format!(
                    "{} {} · {} {}", number(queue.in_work), messages.in_progress, messages.oldest_since, age(oldest)
                ),
                None => messages.queue_empty.to_owned(),
            }, false))
            (figure(messages.dead_letters, &number(installation.dead_letters), messages.dead_letters_hint,
                installation.dead_letters > 0))
            (figure(messages.generation, &number(installation.generation.unsigned_abs()), &match rebuild {
                Some(rebuild) => format!(
                    "{} {}: {} {} {}", messages.rebuilding, rebuild.generation, number(rebuild.folded),
                    messages.of, number(rebuild.target)
                ),
                None => messages.no_rebuild.to_owned(),
            }, false))
        }
        @if let Some(rebuild) = rebuild {
            progress.wide max=(rebuild.target.max(1)) value=(rebuild.folded.min(rebuild.target))
                aria-label={ (messages.rebuilding) " " (rebuild.generation) } {}
        }
    }
}

fn figure(name: &str, value: &str, hint: &str, bad: bool) -> Markup {
    html! {
        div.card.bad[bad] {
            dt { (name) }
            dd { strong { (value) } span.hint { (hint) } }
        }
    }
}

/// The health checks of this process.
fn health_checks(ctx: &PageContext, checks: &[Check]) -> Markup {
    let messages = ctx.messages();
    html! {
        section.card {
            h2 { (messages.components) }
            p.hint { (messages.components_hint) }
            ul.checks {
                @for check in checks {
                    li {
                        @match (&check.problem, &check.impairment) {
                            (None, None) => span.done { "✓ " (check.name) },
                            (Some(problem), _) | (None, Some(problem)) => {
                                span.error { "✗ " (check.name) ": " (problem) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn partitions(ctx: &PageContext, lag: Option<&Lag>) -> Markup {
    let messages = ctx.messages();
    let number = |n: u64| ctx.language.number(n);
    // A partition without a leader tells neither its end nor its lag.
    let known = |n: Option<u64>| n.map_or_else(|| "–".to_owned(), number);
    html! {
        section.card {
            h2 { (messages.partitions) }
            @if let Some(lag) = lag {
                table.numbers {
                    thead {
                        tr {
                            th scope="col" { (messages.partition) }
                            th scope="col" { (messages.events) }
                            th scope="col" { (messages.projected) }
                            th scope="col" { (messages.lag) }
                        }
                    }
                    tbody {
                        @for row in lag.rows() {
                            tr {
                                th scope="row" { (row.partition) }
                                td { (known(row.end)) }
                                td { (number(row.folded)) }
                                td.bad[row.behind() != Some(0)] { (known(row.behind())) }
                            }
                        }
                    }
                }
            } @else {
                p.error { (messages.log_unavailable) }
            }
        }
    }
}

/// A table of names and their counts.
fn count_table(
    ctx: &PageContext,
    title: &str,
    hint: &str,
    head: [&str; 2],
    rows: impl Iterator<Item = (String, u64)>,
) -> Markup {
    let rows: Vec<(String, u64)> = rows.collect();
    html! {
        section.card {
            h2 { (title) }
            p.hint { (hint) }
            @if rows.is_empty() {
                p { (ctx.messages().nothing) }
            } @else {
                table.numbers {
                    thead { tr { @for name in head { th scope="col" { (name) } } } }
                    tbody {
                        @for (name, count) in &rows {
                            tr {
                                th scope="row" { code { (name) } }
                                td { (ctx.language.number(*count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn dead_letters(ctx: &PageContext, letters: &[DeadLetterSummary]) -> Markup {
    let messages = ctx.messages();
    html! {
        @if !letters.is_empty() {
            section.card.wide {
                h2 { (messages.newest_dead_letters) }
                p.hint { (messages.dead_letters_how) " " code { "anb dead-letters" } }
                ul.letters {
                    @for letter in letters {
                        li {
                            code { (letter.position) } " · "
                            time datetime=(letter.at.to_rfc3339()) { (letter.at.format("%Y-%m-%d %H:%M")) } " · "
                            (letter.reason)
                        }
                    }
                }
            }
        }
    }
}

/// A duration in its largest whole unit.
fn age(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let read = |seconds| age(Duration::from_secs(seconds));
        assert_eq!([read(0), read(59), read(60)], ["0 s", "59 s", "1 min"]);
        assert_eq!([read(3_599), read(86_399), read(200_000)], ["59 min", "23 h", "2 d"]);
    }
}
