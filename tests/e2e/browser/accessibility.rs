//! Accessibility of every page, on desktop and phone, light and dark.

use super::fixture::ContestFixture;
use crate::e2e::harness::chromium::BrowserProfile;

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_accessibility_violations() {
    let fixture = ContestFixture::set_up().await;
    let video = format!("/videos/{}", fixture.videos[0]);
    let around = format!("/?artist={}", fixture.artists[2].id);
    let delete = format!("/me/videos/{}/delete", fixture.videos[1]);
    let open = [
        "/",
        "/?city=Bogot%C3%A1",
        around.as_str(),
        "/?q=ana",
        "/?q=xyz",
        "/videos",
        video.as_str(),
        "/sign-in",
        "/sign-up",
        "/nowhere",
    ];
    let own =
        ["/me/upload", "/me/videos", delete.as_str(), "/me/account", "/operations", video.as_str()];
    fixture.make_operator(&fixture.artists[1]).await;
    let mut found = Vec::new();
    for profile in [BrowserProfile::DESKTOP, BrowserProfile::PHONE] {
        let browser = fixture.open_browser(profile).await;
        let kind = if profile.dark { "phone-dark" } else { "desktop-light" };
        for path in open.iter().chain(&[""]).chain(&own) {
            if path.is_empty() {
                browser.sign_in(&fixture.artists[1]).await;
                continue;
            }
            browser.open_page(path).await;
            found.extend(
                browser
                    .accessibility_violations()
                    .await
                    .into_iter()
                    .map(|line| format!("{kind} {path} {line}")),
            );
            let overflow = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
            if browser.execute(overflow).await == true {
                found.push(format!("{kind} {path} scrolls sideways"));
            }
        }
        browser.open_page("/sign-up").await;
        browser.click("main form button").await;
        browser.find(".problem").await;
        found.extend(
            browser
                .accessibility_violations()
                .await
                .into_iter()
                .map(|line| format!("{kind} errors {line}")),
        );
        browser.close().await;
    }
    assert!(found.is_empty(), "{found:#?}");
}
