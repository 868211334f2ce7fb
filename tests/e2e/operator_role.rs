//! The operator role: granted and revoked on the command line, checked by the operations page.

use super::harness::client::PASSWORD;
use super::harness::visitor::Visitor;
use super::harness::{Person, Roles, Server, TestEnvironment};

test_on_both_backends!(an_operator_sees_the_operations_page_until_the_role_is_revoked);

async fn operator(env: &TestEnvironment, arguments: &[&str]) -> Result<String, String> {
    env.run(&[&["operator"], arguments].concat()).await
}

#[track_caller]
fn assert_prints(run: Result<String, String>, expected: &str) {
    let output = run.unwrap();
    assert!(output.contains(expected), "{output}");
}

async fn an_operator_sees_the_operations_page_until_the_role_is_revoked(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let (ana, beto) = (api.new_person("Ana").await, api.new_person("Beto").await);
    let page = async |person: &Person| {
        let visitor = Visitor::signed_in(api, person).await;
        visitor.open("/operations").await
    };
    let away = Visitor::new(api).open("/operations").await;
    assert_eq!(away.header("location"), Some("/sign-in?next=%2Foperations"));
    let refused = page(&ana).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("solo para operadores"));

    let failure = operator(&env, &["grant", "nobody@example.com"]).await.unwrap_err();
    assert!(failure.contains("nobody has signed up"), "{failure}");
    assert_prints(
        operator(&env, &["grant", &ana.email.to_uppercase()]).await,
        "is an operator now",
    );
    assert_prints(operator(&env, &["grant", &ana.email]).await, "is an operator already");
    assert_prints(operator(&env, &["list"]).await, &ana.email);

    let visitor = Visitor::signed_in(api, &ana).await;
    let shown = visitor.html("/operations").await;
    for text in ["Atraso", "Cola de video", "Registros ilegibles", "✓ database", "Partición"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    assert!(shown.contains("register: accepted"), "{shown}");
    assert!(shown.contains("already_operator"), "it was rejected: {shown}");
    assert!(visitor.html("/me/account").await.contains("href=\"/operations\""));
    assert_eq!(page(&beto).await.status, 403);

    env.wait_until_caught_up().await;
    env.rebuild().await;
    assert_eq!(visitor.open("/operations").await.status, 200, "a rebuild has revoked the role");

    assert_prints(operator(&env, &["revoke", &ana.email]).await, "is no operator any more");
    assert_eq!(visitor.open("/operations").await.status, 403, "the session keeps the role");
    assert_prints(operator(&env, &["revoke", &ana.email]).await, "was no operator");

    assert_prints(operator(&env, &["grant", &ana.email]).await, "is an operator now");
    assert_eq!(visitor.open("/operations").await.status, 200);
    let mut leaving = Visitor::signed_in(api, &ana).await;
    let left = leaving.submit("/me/account", &[("password", PASSWORD)]).await;
    assert_eq!(left.status, 303);
    assert_eq!(visitor.open("/operations").await.status, 303, "to sign in");
    assert_prints(operator(&env, &["list"]).await, "0 operators");
}
