//! The pages as a browser without scripts sees them.

use reqwest::Method;

use super::harness::client::{Ask, PASSWORD, new_email};
use super::harness::visitor::{Visitor, encoded};
use super::harness::{Person, Roles, Server, World, eventually};

/// Ana and Beto are artists with a video each; Cleo is a voter.
struct Scene {
    world: World,
    server: Server,
    people: [Person; 3],
}

#[tokio::test(flavor = "multi_thread")]
async fn pages() {
    let world = World::embedded().await;
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let people = [
        api.somebody_from("Ana <b>", "Bogotá", "Colombia").await,
        api.somebody_from("Béto", "Lima", "Perú").await,
        api.somebody("Cleo").await,
    ];
    world.published(&people[0], 1).await;
    world.published(&people[1], 1).await;
    eventually("both rank", async || {
        let ranking = api.fetch("/api/public/rankings").await.ok(200);
        (ranking["total"] == 2).then_some(())
    })
    .await;
    let scene = &Scene { world, server, people };
    hold!(scene;
        forms_are_taken_from_our_own_pages_only,
        a_session_is_out_of_reach_of_scripts_and_of_no_use_to_the_api,
        what_is_wrong_stands_beside_its_field,
        who_signs_up_is_signed_in,
        the_language_is_the_browser_s_until_one_is_chosen,
        the_ranking_is_searched_and_paged,
        a_vote_has_an_honest_state,
        the_leaders_votes_are_drawn,
        a_link_shows_a_preview,
        an_unknown_page_is_a_page_for_people_and_json_for_programs,
        assets_are_kept_for_ever,
        a_video_is_deleted_after_a_question,
        an_account_is_deleted_with_its_password,
    );
}

async fn forms_are_taken_from_our_own_pages_only(scene: &Scene) {
    let visitor = Visitor::signed_in(&scene.server.api, &scene.people[2]).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("x-nothing", ""),
    ] {
        let request = visitor.request(Method::POST, "/me/account").header(name, value);
        let refused = request.body(encoded(&[("password", PASSWORD)])).answer().await;
        assert_eq!(refused.status, 403, "{name}: {value}");
    }
    let own = visitor.request(Method::POST, "/language").header("origin", &scene.server.api.base);
    assert_eq!(own.body("language=es").answer().await.status, 303);
}

async fn a_session_is_out_of_reach_of_scripts_and_of_no_use_to_the_api(scene: &Scene) {
    let api = &scene.server.api;
    let mut visitor = Visitor::new(api);
    let fields = [("email", scene.people[2].email.as_str()), ("password", PASSWORD)];
    let answer = visitor.send("/sign-in", &fields).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let by_cookie = visitor.request(Method::GET, "/api/videos").answer().await;
    by_cookie.error(403, "Not authenticated");
    assert!(visitor.read("/me/videos").await.contains("Mis videos"));
    let policy = visitor.open("/").await;
    let policy = policy.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");

    visitor.send("/sign-out", &[]).await;
    let away = visitor.open("/me/videos").await;
    assert_eq!(away.header("location"), Some("/sign-in?next=%2Fme%2Fvideos"));
    let fields = [fields[0], fields[1], ("next", "//evil.example")];
    assert_eq!(visitor.send("/sign-in", &fields).await.header("location"), Some("/"));
}

async fn what_is_wrong_stands_beside_its_field(scene: &Scene) {
    let mut visitor = Visitor::new(&scene.server.api);
    let fields = [
        ("first_name", "Zoé \"x\""),
        ("last_name", ""),
        ("email", "nadie"),
        ("password1", "secreto-1"),
        ("password2", "secreto-2"),
        ("city", "Cali"),
        ("country", "Colombia"),
    ];
    let refused = visitor.send("/sign-up", &fields).await;
    assert_eq!(refused.status, 422);
    let page = refused.text();
    for field in ["last_name", "email", "password2"] {
        assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
        assert!(page.contains(&format!("href=\"#{field}\"")), "{field}");
    }
    assert!(page.contains(">Apellido: Completa este campo</a>"), "{page}");
    let place = |field: &str| page.find(&format!("href=\"#{field}\"")).unwrap();
    assert!(place("last_name") < place("email") && place("email") < place("password2"));
    assert!(!page.contains("city-error") && page.contains("Zoé &quot;x&quot;"));
    assert!(!page.contains("secreto"), "no password comes back");

    let wrong = [("email", scene.people[2].email.as_str()), ("password", "no es esta")];
    let refused = visitor.send("/sign-in", &wrong).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("Email o contraseña incorrectos"));
}

async fn who_signs_up_is_signed_in(scene: &Scene) {
    let mut visitor = Visitor::new(&scene.server.api);
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
    assert_eq!(visitor.send("/sign-up", &fields).await.header("location"), Some("/me/upload"));
    assert!(visitor.read("/me/upload").await.contains("Subir video"));
    let mut other = fields;
    other[0].1 = "01900000-0000-7000-8000-000000000002";
    let refused = Visitor::new(&scene.server.api).send("/sign-up", &other).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("id=\"email-error\""));
}

async fn the_language_is_the_browser_s_until_one_is_chosen(scene: &Scene) {
    let mut visitor = Visitor::english(&scene.server.api);
    assert!(visitor.read("/").await.contains("<html lang=\"en\">"));
    let chosen = visitor.send("/language", &[("language", "es"), ("next", "/videos?page=1")]).await;
    assert_eq!(chosen.header("location"), Some("/videos?page=1"));
    assert!(visitor.read("/").await.contains("<html lang=\"es\">"));
}

async fn the_ranking_is_searched_and_paged(scene: &Scene) {
    let visitor = Visitor::new(&scene.server.api);
    let page = visitor.read("/").await;
    assert!(page.contains("Ana &lt;b&gt; Rincón") && page.contains("Béto Rincón"), "{page}");
    assert!(page.contains("last_event_id="), "it can be followed");
    let rows = |page: &str| page.matches("<tr data-artist").count();
    assert_eq!(rows(&page), 2);
    for (query, found) in [("q=BETO", 1), ("q=rincon", 2), ("q=eto", 0), ("q=%25", 0), ("q=_", 0)] {
        assert_eq!(rows(&visitor.read(&format!("/?{query}")).await), found, "{query}");
    }
    assert_eq!(rows(&visitor.read("/?city=LIMA").await), 1);
    assert_eq!(rows(&visitor.read("/?city=Lima&q=ana").await), 0);
    assert_eq!(rows(&visitor.read("/?page=7").await), 0);
    let around = visitor.read(&format!("/?artist={}", scene.people[0].id)).await;
    assert!(around.contains("aria-current=\"true\"") && rows(&around) == 2);
    for unknown in ["nobody", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(visitor.open(&format!("/?artist={unknown}")).await.status, 404);
    }
    assert_eq!(visitor.open("/?artist=me").await.status, 303, "to sign in");
    assert_eq!(visitor.open("/?page=x").await.status, 422);
    let me = Visitor::signed_in(&scene.server.api, &scene.people[1]).await;
    assert!(me.read("/?artist=me").await.contains("aria-current=\"true\""));
    let voter = Visitor::signed_in(&scene.server.api, &scene.people[2]).await;
    assert!(voter.read("/?artist=me").await.contains("Aún no estás en el ranking"));
}

async fn a_vote_has_an_honest_state(scene: &Scene) {
    let api = &scene.server.api;
    let video = scene.world.published(&scene.people[1], 1).await[0];
    let path = format!("/videos/{video}");
    let mut stranger = Visitor::new(api);
    assert!(stranger.read(&path).await.contains("Entra para votar"));
    let vote = format!("{path}/vote");
    let away = stranger.send(&vote, &[]).await;
    assert!(away.header("location").unwrap().starts_with("/sign-in?next="));
    let mut voter = Visitor::signed_in(api, &scene.people[2]).await;
    assert!(voter.read(&path).await.contains("Votar por este video"));
    for _ in 0..2 {
        assert_eq!(voter.send(&vote, &[]).await.header("location"), Some(path.as_str()));
    }
    let page = voter.read(&path).await;
    assert!(page.contains("Ya votaste por este video") && page.contains("<strong>1</strong> voto"));
    let other = scene.world.published(&scene.people[0], 1).await[0];
    let other = format!("/videos/{other}");
    let voted = voter.send(&format!("{other}/vote"), &[]).await;
    assert_eq!(voted.header("location"), Some(other.as_str()), "one vote for each video");
    assert!(voter.read(&other).await.contains("Ya votaste por este video"));
    let unknown = "/videos/00000000-0000-0000-0000-000000000000";
    assert_eq!(voter.open(unknown).await.status, 404);
    assert_eq!(voter.send(&format!("{unknown}/vote"), &[]).await.status, 404);
}

/// After the votes of the scene before: Béto has one, Ana another.
async fn the_leaders_votes_are_drawn(scene: &Scene) {
    let visitor = Visitor::new(&scene.server.api);
    // A board that nobody has looked at: its chart is drawn now, and kept.
    let page = visitor.read("/?country=per%C3%BA").await;
    let chart = page.split("<figure").nth(1).unwrap_or_default();
    let line = chart.split("points=\"").nth(1).unwrap_or_default();
    assert!(line.starts_with("0,200 12.5,"), "{page}");
    assert!(line.split('"').next().unwrap().ends_with(" 600.0,0.0"), "{page}");
    assert!(chart.contains("Béto Rincón") && chart.contains("<strong>1</strong>"), "{chart}");
    assert!(!visitor.read("/?city=Cali").await.contains("<figure"), "there is nothing to be seen");
}

async fn a_link_shows_a_preview(scene: &Scene) {
    let video = scene.world.published(&scene.people[0], 1).await[0];
    let visitor = Visitor::new(&scene.server.api);
    let page = visitor.read(&format!("/videos/{video}")).await;
    let base = &scene.server.api.base;
    for tag in [
        "property=\"og:title\" content=\"Canción 0 de Ana &lt;b&gt;\"".to_owned(),
        format!("property=\"og:url\" content=\"{base}/videos/{video}\""),
        format!("property=\"og:image\" content=\"{base}/videos/{video}/poster\""),
    ] {
        assert!(page.contains(&tag), "{tag} in {page}");
    }
    let poster = visitor.request(Method::GET, &format!("/videos/{video}/poster")).answer().await;
    assert_eq!(poster.status, 307);
    assert!(poster.header("location").unwrap().contains("/media/posters/"));
}

async fn an_unknown_page_is_a_page_for_people_and_json_for_programs(scene: &Scene) {
    let page = Visitor::new(&scene.server.api).open("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("No encontramos esta página"));
    scene.server.api.fetch("/nowhere").await.error(404, "Not Found");
}

async fn assets_are_kept_for_ever(scene: &Scene) {
    let visitor = Visitor::new(&scene.server.api);
    let page = visitor.read("/").await;
    let compressed = async |path: &str| {
        let request = visitor.request(Method::GET, path).header("accept-encoding", "gzip, br");
        request.answer().await
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
    assert_eq!(scene.server.api.fetch("/assets/style.css").await.status, 404);
}

async fn a_video_is_deleted_after_a_question(scene: &Scene) {
    let api = &scene.server.api;
    let video = scene.world.published(&scene.people[0], 1).await[0];
    let path = format!("/me/videos/{video}/delete");
    let mut other = Visitor::signed_in(api, &scene.people[1]).await;
    assert_eq!(other.open(&path).await.status, 403);
    assert_eq!(other.send(&path, &[]).await.status, 403);
    let mut owner = Visitor::signed_in(api, &scene.people[0]).await;
    assert!(owner.read("/me/videos").await.contains(&path));
    assert!(owner.read(&path).await.contains("No se puede deshacer"));
    assert_eq!(owner.send(&path, &[]).await.header("location"), Some("/me/videos?deleted=1"));
    assert_eq!(owner.open(&format!("/videos/{video}")).await.status, 404);
}

async fn an_account_is_deleted_with_its_password(scene: &Scene) {
    let api = &scene.server.api;
    let person = api.somebody("Eva").await;
    let mut visitor = Visitor::signed_in(api, &person).await;
    let refused = visitor.send("/me/account", &[("password", "no es esta")]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("La contraseña es incorrecta"));
    let left = visitor.send("/me/account", &[("password", PASSWORD)]).await;
    assert_eq!(left.header("location"), Some("/sign-in?gone=1"));
    assert!(visitor.read("/sign-in?gone=1").await.contains("Tu cuenta ha sido eliminada"));
    assert_eq!(api.log_in(&person.email, PASSWORD).await.status, 401);
}
