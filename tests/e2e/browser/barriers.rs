//! Pages that everybody can use: assistive technology, small screens, light and dark.

use super::{Look, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_barriers() {
    let stage = Stage::set().await;
    let video = format!("/videos/{}", stage.videos[0]);
    let around = format!("/?artist={}", stage.artists[2].id);
    let delete = format!("/me/videos/{}/delete", stage.videos[1]);
    let open = [
        ("ranking", "/"),
        ("place", "/?city=Bogot%C3%A1"),
        ("around", around.as_str()),
        ("search", "/?q=ana"),
        ("nobody", "/?q=xyz"),
        ("gallery", "/videos"),
        ("player", video.as_str()),
        ("sign-in", "/sign-in"),
        ("sign-up", "/sign-up"),
        ("unknown", "/nowhere"),
    ];
    let own = [
        ("upload", "/me/upload"),
        ("my-videos", "/me/videos"),
        ("delete", delete.as_str()),
        ("account", "/me/account"),
        ("vote", video.as_str()),
    ];
    let mut found = Vec::new();
    for look in [Look::DESKTOP, Look::PHONE] {
        let browser = stage.browser(look).await;
        let kind = if look.dark { "phone-dark" } else { "desktop-light" };
        for (name, path) in open.iter().chain([("", "")].iter()).chain(&own) {
            if path.is_empty() {
                browser.sign_in(&stage.artists[1]).await;
                continue;
            }
            browser.go(path).await;
            browser.picture(&format!("{name}-{kind}")).await;
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
        browser.picture(&format!("errors-{kind}")).await;
        found.extend(
            browser.barriers().await.into_iter().map(|line| format!("{kind} errors {line}")),
        );
        browser.close().await;
    }
    assert!(found.is_empty(), "{found:#?}");
}
