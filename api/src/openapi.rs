//! The frame of the OpenAPI document. The routes fill it. Its snapshot is `docs/openapi.json`, so that a
//! review shows every change of the API.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ANB Rising Stars Showcase",
        description = "A talent contest: artists upload videos, the public votes, everybody sees \
                       the ranking.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "auth", description = "Signing up and signing in"),
        (name = "me", description = "One's own account"),
        (name = "videos", description = "One's own videos"),
        (name = "uploads", description = "Resumable uploads by the tus protocol 1.0.0, of which \
                                          `OPTIONS /api/uploads` says what is spoken"),
        (name = "public", description = "Published videos, votes, rankings"),
        (name = "commands", description = "Commands that outlived their request"),
        (name = "system", description = "Health and metrics"),
    ),
    modifiers(&Bearer)
)]
struct Frame;

/// Describes access tokens.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document without its routes.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}
