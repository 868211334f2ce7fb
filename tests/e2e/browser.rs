//! The web pages in a real browser: headless Chromium.

mod accessibility;
mod fixture;
mod live_updates;
mod performance_budgets;
mod resumable_uploads;
mod screenshots;
mod user_journeys;
