//! Pages that everybody can use: assistive technology, small screens, light and dark.

use super::{Look, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_barriers() {
    let stage = Stage::set().await;
    let video = format!("/videos/{}", stage.videos[0]);
    let around = format!("/?artist={}", stage.artists[2].id);
    let delete = format!("/me/videos/{}/delete", stage.videos[1]);
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
    stage.make_operator(&stage.artists[1]).await;
    let mut found = Vec::new();
    for look in [Look::DESKTOP, Look::PHONE] {
        let browser = stage.browser(look).await;
        let kind = if look.dark { "phone-dark" } else { "desktop-light" };
        for path in open.iter().chain(&[""]).chain(&own) {
            if path.is_empty() {
                browser.sign_in(&stage.artists[1]).await;
                continue;
            }
            browser.go(path).await;
            found.extend(
                browser.barriers().await.into_iter().map(|line| format!("{kind} {path} {line}")),
            );
            let overflow = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
            if browser.run(overflow).await == true {
                found.push(format!("{kind} {path} scrolls sideways"));
            }
        }
        browser.go("/sign-up").await;
        browser.click("main form button").await;
        browser.see(".problem").await;
        found.extend(
            browser.barriers().await.into_iter().map(|line| format!("{kind} errors {line}")),
        );
        browser.close().await;
    }
    assert!(found.is_empty(), "{found:#?}");
}
