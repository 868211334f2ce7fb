//! The web pages in a browser without scripts.

use reqwest::Method;

use super::harness::client::{PASSWORD, SendRequest, new_email};
use super::harness::visitor::{Visitor, encoded};
use super::harness::{Person, Roles, Server, TestEnvironment, eventually};

/// Ana and Beto are artists with a video each; Cleo is a voter.
struct PagesFixture {
    env: TestEnvironment,
    server: Server,
    people: [Person; 3],
}

#[tokio::test(flavor = "multi_thread")]
async fn html_pages() {
    let env = TestEnvironment::embedded().await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let people = [
        api.new_person_from("Ana <b>", "Bogotá", "Colombia").await,
        api.new_person_from("Béto", "Lima", "Perú").await,
        api.new_person("Cleo").await,
    ];
    env.publish_videos(&people[0], 1).await;
    env.publish_videos(&people[1], 1).await;
    eventually("both rank", async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        (ranking["total"] == 2).then_some(())
    })
    .await;
    let fixture = &PagesFixture { env, server, people };
    check_rules!(fixture;
        forms_of_other_sites_are_rejected,
        a_session_cookie_is_http_only_and_useless_for_the_api,
        each_form_error_is_shown_at_its_field,
        signing_up_signs_in,
        the_language_follows_the_browser_until_one_is_chosen,
        the_ranking_can_be_searched_and_paged,
        a_video_page_shows_whether_the_visitor_has_voted,
        the_chart_draws_the_votes_of_the_leaders,
        a_video_page_has_open_graph_tags,
        an_unknown_path_is_html_for_browsers_and_json_for_programs,
        assets_are_immutable_and_small,
        a_video_is_deleted_after_a_confirmation,
        an_account_is_deleted_after_its_password_is_confirmed,
    );
}

async fn forms_of_other_sites_are_rejected(fixture: &PagesFixture) {
    let visitor = Visitor::signed_in(&fixture.server.api, &fixture.people[2]).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("x-nothing", ""),
    ] {
        let request = visitor.request(Method::POST, "/me/account").header(name, value);
        let refused = request.body(encoded(&[("password", PASSWORD)])).response().await;
        assert_eq!(refused.status, 403, "{name}: {value}");
    }
    let own = visitor.request(Method::POST, "/language").header("origin", &fixture.server.api.base);
    assert_eq!(own.body("language=es").response().await.status, 303);
}

async fn a_session_cookie_is_http_only_and_useless_for_the_api(fixture: &PagesFixture) {
    let api = &fixture.server.api;
    let mut visitor = Visitor::new(api);
    let fields = [("email", fixture.people[2].email.as_str()), ("password", PASSWORD)];
    let response = visitor.submit("/sign-in", &fields).await;
    let cookie = response.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let by_cookie = visitor.request(Method::GET, "/api/videos").response().await;
    by_cookie.expect_error(403, "Not authenticated");
    assert!(visitor.html("/me/videos").await.contains("Mis videos"));
    let policy = visitor.open("/").await;
    let policy = policy.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");

    visitor.submit("/sign-out", &[]).await;
    let away = visitor.open("/me/videos").await;
    assert_eq!(away.header("location"), Some("/sign-in?next=%2Fme%2Fvideos"));
    let fields = [fields[0], fields[1], ("next", "//evil.example")];
    assert_eq!(visitor.submit("/sign-in", &fields).await.header("location"), Some("/"));
}

async fn each_form_error_is_shown_at_its_field(fixture: &PagesFixture) {
    let mut visitor = Visitor::new(&fixture.server.api);
    let fields = [
        ("first_name", "Zoé \"x\""),
        ("last_name", ""),
        ("email", "nadie"),
        ("password1", "secreto-1"),
        ("password2", "secreto-2"),
        ("city", "Cali"),
        ("country", "Colombia"),
    ];
    let refused = visitor.submit("/sign-up", &fields).await;
    assert_eq!(refused.status, 422);
    let page = refused.text();
    for field in ["last_name", "email", "password2"] {
        assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
        assert!(page.contains(&format!("href=\"#{field}\"")), "{field}");
    }
    assert!(page.contains(">Apellido: Completa este campo</a>"), "{page}");
    let position = |field: &str| page.find(&format!("href=\"#{field}\"")).unwrap();
    assert!(position("last_name") < position("email") && position("email") < position("password2"));
    assert!(!page.contains("city-error") && page.contains("Zoé &quot;x&quot;"));
    assert!(!page.contains("secreto"), "a password is echoed");

    let wrong = [("email", fixture.people[2].email.as_str()), ("password", "no es esta")];
    let refused = visitor.submit("/sign-in", &wrong).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("Email o contraseña incorrectos"));
}

async fn signing_up_signs_in(fixture: &PagesFixture) {
    let mut visitor = Visitor::new(&fixture.server.api);
    let email = new_email("Dora");
    let fields = [
        ("key", "01900000-0000-7000-8000-000000000001"),
        ("first_name", "Dora"),
        ("last_name", "Díaz"),
        ("email", email.as_str()),
        ("password1", PASSWORD),
        ("password2", PASSWORD),
        ("city", "Cali"),
        ("country", "Colombia"),
    ];
    assert_eq!(visitor.submit("/sign-up", &fields).await.header("location"), Some("/me/upload"));
    assert!(visitor.html("/me/upload").await.contains("Subir video"));
    let mut other = fields;
    other[0].1 = "01900000-0000-7000-8000-000000000002";
    let refused = Visitor::new(&fixture.server.api).submit("/sign-up", &other).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("id=\"email-error\""));
}

async fn the_language_follows_the_browser_until_one_is_chosen(fixture: &PagesFixture) {
    let mut visitor = Visitor::english(&fixture.server.api);
    assert!(visitor.html("/").await.contains("<html lang=\"en\">"));
    let chosen =
        visitor.submit("/language", &[("language", "es"), ("next", "/videos?page=1")]).await;
    assert_eq!(chosen.header("location"), Some("/videos?page=1"));
    assert!(visitor.html("/").await.contains("<html lang=\"es\">"));
}

async fn the_ranking_can_be_searched_and_paged(fixture: &PagesFixture) {
    let visitor = Visitor::new(&fixture.server.api);
    let page = visitor.html("/").await;
    assert!(page.contains("Ana &lt;b&gt; Rincón") && page.contains("Béto Rincón"), "{page}");
    assert!(page.contains("last_event_id="), "no link to the stream");
    let rows = |page: &str| page.matches("<tr data-artist").count();
    assert_eq!(rows(&page), 2);
    for (query, found) in [("q=BETO", 1), ("q=rincon", 2), ("q=eto", 0), ("q=%25", 0), ("q=_", 0)] {
        assert_eq!(rows(&visitor.html(&format!("/?{query}")).await), found, "{query}");
    }
    assert_eq!(rows(&visitor.html("/?city=LIMA").await), 1);
    assert_eq!(rows(&visitor.html("/?city=Lima&q=ana").await), 0);
    assert_eq!(rows(&visitor.html("/?page=7").await), 0);
    let around = visitor.html(&format!("/?artist={}", fixture.people[0].id)).await;
    assert!(around.contains("aria-current=\"true\"") && rows(&around) == 2);
    for unknown in ["nobody", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(visitor.open(&format!("/?artist={unknown}")).await.status, 404);
    }
    assert_eq!(visitor.open("/?artist=me").await.status, 303, "to sign in");
    assert_eq!(visitor.open("/?page=x").await.status, 422);
    let me = Visitor::signed_in(&fixture.server.api, &fixture.people[1]).await;
    assert!(me.html("/?artist=me").await.contains("aria-current=\"true\""));
    let voter = Visitor::signed_in(&fixture.server.api, &fixture.people[2]).await;
    assert!(voter.html("/?artist=me").await.contains("Aún no estás en el ranking"));
}

async fn a_video_page_shows_whether_the_visitor_has_voted(fixture: &PagesFixture) {
    let api = &fixture.server.api;
    let video = fixture.env.publish_videos(&fixture.people[1], 1).await[0];
    let path = format!("/videos/{video}");
    let mut stranger = Visitor::new(api);
    assert!(stranger.html(&path).await.contains("Entra para votar"));
    let vote = format!("{path}/vote");
    let away = stranger.submit(&vote, &[]).await;
    assert!(away.header("location").unwrap().starts_with("/sign-in?next="));
    let mut voter = Visitor::signed_in(api, &fixture.people[2]).await;
    assert!(voter.html(&path).await.contains("Votar por este video"));
    for _ in 0..2 {
        assert_eq!(voter.submit(&vote, &[]).await.header("location"), Some(path.as_str()));
    }
    let page = voter.html(&path).await;
    assert!(page.contains("Ya votaste por este video") && page.contains("<strong>1</strong> voto"));
    let other = fixture.env.publish_videos(&fixture.people[0], 1).await[0];
    let other = format!("/videos/{other}");
    let voted = voter.submit(&format!("{other}/vote"), &[]).await;
    assert_eq!(voted.header("location"), Some(other.as_str()), "one vote for each video");
    assert!(voter.html(&other).await.contains("Ya votaste por este video"));
    let unknown = "/videos/00000000-0000-0000-0000-000000000000";
    assert_eq!(voter.open(unknown).await.status, 404);
    assert_eq!(voter.submit(&format!("{unknown}/vote"), &[]).await.status, 404);
}

/// Needs the votes of the previous rule: Béto has one, and so has Ana.
async fn the_chart_draws_the_votes_of_the_leaders(fixture: &PagesFixture) {
    let visitor = Visitor::new(&fixture.server.api);
    // The chart of a board is drawn at its first request and cached.
    let page = visitor.html("/?country=per%C3%BA").await;
    let chart = page.split("<figure").nth(1).unwrap_or_default();
    let line = chart.split("points=\"").nth(1).unwrap_or_default();
    assert!(line.starts_with("0,200 12.5,"), "{page}");
    assert!(line.split('"').next().unwrap().ends_with(" 600.0,0.0"), "{page}");
    assert!(chart.contains("Béto Rincón") && chart.contains("<strong>1</strong>"), "{chart}");
    assert!(!visitor.html("/?city=Cali").await.contains("<figure"), "a chart without votes");
}

async fn a_video_page_has_open_graph_tags(fixture: &PagesFixture) {
    let video = fixture.env.publish_videos(&fixture.people[0], 1).await[0];
    let visitor = Visitor::new(&fixture.server.api);
    let page = visitor.html(&format!("/videos/{video}")).await;
    let base = &fixture.server.api.base;
    for tag in [
        "property=\"og:title\" content=\"Canción 0 de Ana &lt;b&gt;\"".to_owned(),
        format!("property=\"og:url\" content=\"{base}/videos/{video}\""),
        format!("property=\"og:image\" content=\"{base}/videos/{video}/poster\""),
    ] {
        assert!(page.contains(&tag), "{tag} in {page}");
    }
    let poster = visitor.request(Method::GET, &format!("/videos/{video}/poster")).response().await;
    assert_eq!(poster.status, 307);
    assert!(poster.header("location").unwrap().contains("/media/posters/"));
}

async fn an_unknown_path_is_html_for_browsers_and_json_for_programs(fixture: &PagesFixture) {
    let page = Visitor::new(&fixture.server.api).open("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("No encontramos esta página"));
    fixture.server.api.fetch("/nowhere").await.expect_error(404, "Not Found");
}

async fn assets_are_immutable_and_small(fixture: &PagesFixture) {
    let visitor = Visitor::new(&fixture.server.api);
    let page = visitor.html("/").await;
    let compressed = async |path: &str| {
        let request = visitor.request(Method::GET, path).header("accept-encoding", "gzip, br");
        request.response().await
    };
    let mut bytes = compressed("/").await.body.len();
    let mut found = 0;
    for path in page.split('"').filter(|text| text.starts_with("/assets/")) {
        let asset = compressed(path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
        bytes += asset.body.len();
        found += 1;
    }
    assert!(found >= 3, "{page}");
    assert!(bytes <= 60_000, "a first visit takes {bytes} bytes");
    assert_eq!(fixture.server.api.fetch("/assets/style.css").await.status, 404);
}

async fn a_video_is_deleted_after_a_confirmation(fixture: &PagesFixture) {
    let api = &fixture.server.api;
    let video = fixture.env.publish_videos(&fixture.people[0], 1).await[0];
    let path = format!("/me/videos/{video}/delete");
    let mut other = Visitor::signed_in(api, &fixture.people[1]).await;
    assert_eq!(other.open(&path).await.status, 403);
    assert_eq!(other.submit(&path, &[]).await.status, 403);
    let mut owner = Visitor::signed_in(api, &fixture.people[0]).await;
    assert!(owner.html("/me/videos").await.contains(&path));
    assert!(owner.html(&path).await.contains("No se puede deshacer"));
    assert_eq!(owner.submit(&path, &[]).await.header("location"), Some("/me/videos?deleted=1"));
    assert_eq!(owner.open(&format!("/videos/{video}")).await.status, 404);
}

async fn an_account_is_deleted_after_its_password_is_confirmed(fixture: &PagesFixture) {
    let api = &fixture.server.api;
    let person = api.new_person("Eva").await;
    let mut visitor = Visitor::signed_in(api, &person).await;
    let refused = visitor.submit("/me/account", &[("password", "no es esta")]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("La contraseña es incorrecta"));
    let left = visitor.submit("/me/account", &[("password", PASSWORD)]).await;
    assert_eq!(left.header("location"), Some("/sign-in?gone=1"));
    assert!(visitor.html("/sign-in?gone=1").await.contains("Tu cuenta ha sido eliminada"));
    assert_eq!(api.log_in(&person.email, PASSWORD).await.status, 401);
}
