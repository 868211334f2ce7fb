//! The role of operator: from the command line to the page, and its end.

use super::harness::client::PASSWORD;
use super::harness::visitor::Visitor;
use super::harness::{Person, Roles, Server, World};

on_both!(an_operator_sees_the_installation_until_the_role_ends);

/// What `anb operator` says, and whether it succeeds.
async fn operator(world: &World, arguments: &[&str]) -> (bool, String) {
    let arguments = [&["operator"], arguments].concat();
    let output = world.anb(&arguments).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn says((success, text): (bool, String), expected: &str) {
    assert!(success && text.contains(expected), "{text}");
}

async fn an_operator_sees_the_installation_until_the_role_ends(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let (ana, beto) = (api.somebody("Ana").await, api.somebody("Beto").await);
    let page = async |person: &Person| {
        let visitor = Visitor::signed_in(api, person).await;
        visitor.open("/operations").await
    };
    let away = Visitor::new(api).open("/operations").await;
    assert_eq!(away.header("location"), Some("/sign-in?next=%2Foperations"));
    let refused = page(&ana).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("solo para operadores"));

    let (success, text) = operator(&world, &["grant", "nobody@example.com"]).await;
    assert!(!success && text.contains("nobody has signed up"), "{text}");
    says(operator(&world, &["grant", &ana.email.to_uppercase()]).await, "is an operator now");
    says(operator(&world, &["grant", &ana.email]).await, "is an operator already");
    says(operator(&world, &["list"]).await, &ana.email);

    let visitor = Visitor::signed_in(api, &ana).await;
    let shown = visitor.read("/operations").await;
    for text in ["Atraso", "Cola de video", "Registros ilegibles", "✓ database", "Partición"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    assert!(shown.contains("register: accepted"), "{shown}");
    assert!(shown.contains("already_operator"), "it was rejected: {shown}");
    assert!(visitor.read("/me/account").await.contains("href=\"/operations\""));
    assert_eq!(page(&beto).await.status, 403);

    world.caught_up().await;
    world.rebuilt().await;
    assert_eq!(visitor.open("/operations").await.status, 200, "a rebuild takes nothing away");

    says(operator(&world, &["revoke", &ana.email]).await, "is no operator any more");
    assert_eq!(
        visitor.open("/operations").await.status,
        403,
        "with the session of before, at once"
    );
    says(operator(&world, &["revoke", &ana.email]).await, "was no operator");

    says(operator(&world, &["grant", &ana.email]).await, "is an operator now");
    assert_eq!(visitor.open("/operations").await.status, 200);
    let mut leaving = Visitor::signed_in(api, &ana).await;
    let left = leaving.send("/me/account", &[("password", PASSWORD)]).await;
    assert_eq!(left.status, 303);
    assert_eq!(visitor.open("/operations").await.status, 303, "to sign in");
    says(operator(&world, &["list"]).await, "0 operators");
}
