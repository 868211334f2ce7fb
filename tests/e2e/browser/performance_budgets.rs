//! Performance budgets of a first visit: bytes, largest contentful paint, layout shift.

use serde_json::json;

use super::fixture::ContestFixture;
use crate::e2e::harness::chromium::BrowserProfile;

/// Bounds the bytes of a page with its resources, images and films excluded.
const MAX_BYTES: f64 = 60_000.0;
/// Bounds the largest contentful paint in milliseconds, with the CPU throttled to a quarter.
const MAX_PAINT_TIME_MS: f64 = 1_000.0;

/// Measures the vitals of <https://web.dev/articles/vitals> for 700 ms.
const MEASURE: &str = "
    const done = arguments[arguments.length - 1];
    let painted = 0, shifted = 0, jumped = [];
    const observe = (type, see) =>
        new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({ type, buffered: true });
    observe('largest-contentful-paint', (entry) => { painted = entry.startTime; });
    observe('layout-shift', (entry) => { 
        if (entry.hadRecentInput) return;
        shifted += entry.value;
        jumped.push(...entry.sources.map(({ node }) => node ? `${node.nodeName} ${node.className ?? ''}` : '?'));
    });
    setTimeout(() => {
        const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        const needed = loaded.filter((entry) => entry.initiatorType !== 'img' && entry.initiatorType !== 'video');
        done({ painted, shifted, jumped, bytes: needed.reduce((sum, entry) => sum + entry.transferSize, 0) });
    }, 700);";

#[tokio::test(flavor = "multi_thread")]
async fn a_first_visit_stays_within_its_performance_budget() {
    let fixture = ContestFixture::set_up().await;
    fixture.env.store_published_files().await;
    let video = format!("/videos/{}", fixture.videos[0]);
    for profile in [BrowserProfile::DESKTOP, BrowserProfile::PHONE] {
        let browser = fixture.open_browser(profile).await;
        browser.devtools("Emulation.setCPUThrottlingRate", json!({ "rate": 4 })).await;
        browser.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
        for path in ["/", "/videos", video.as_str(), "/sign-up"] {
            let mut quickest = f64::MAX;
            // The quickest of six, because other tests load the same machine.
            for _ in 0..6 {
                browser.open_page(path).await;
                let measured = browser.execute_async(MEASURE, Vec::new()).await;
                let number = |name: &str| measured[name].as_f64().unwrap();
                assert_eq!(number("shifted"), 0.0, "{path} jumps: {measured}");
                assert!(number("bytes") <= MAX_BYTES, "{path}: {measured}");
                if number("painted") > 0.0 {
                    quickest = quickest.min(number("painted"));
                }
                if quickest <= MAX_PAINT_TIME_MS {
                    break;
                }
            }
            assert!(quickest <= MAX_PAINT_TIME_MS, "{path} is painted after {quickest} ms");
        }
        browser.close().await;
    }
}
