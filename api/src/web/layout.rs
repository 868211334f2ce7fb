//! What all pages share: head, navigation, footer and response headers.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use url::Url;

use super::assets::{self, Asset};
use super::language::Language;
use super::page_context::PageContext;
use crate::page_cache::encoding::Encoding;

/// A page without its content. [`Page::render`] adds that.
pub(super) struct Page<'a> {
    ctx: &'a PageContext,
    title: String,
    status: StatusCode,
    scripts: Vec<&'static Asset>,
    head: Markup,
    /// A source of images and videos that the policy allows, besides this site.
    media: Option<String>,
}

impl<'a> Page<'a> {
    pub(super) fn new(ctx: &'a PageContext, title: impl Into<String>) -> Self {
        let (title, head) = (title.into(), html! {});
        Self { ctx, title, status: StatusCode::OK, scripts: Vec::new(), head, media: None }
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn script(mut self, script: &'static Asset) -> Self {
        self.scripts.push(script);
        self
    }

    /// Adds elements to the head.
    pub(super) fn head(mut self, head: Markup) -> Self {
        self.head = head;
        self
    }

    /// Allows images and videos from the origin of `url`, if it has one.
    pub(super) fn allow_media_from(mut self, url: Option<&str>) -> Self {
        let origin = url.and_then(|url| Url::parse(url).ok()).map(|url| url.origin());
        self.media = origin.filter(|origin| origin.is_tuple()).map(|o| o.ascii_serialization());
        self
    }

    /// Allows videos that the user has chosen from the own disk.
    pub(super) fn allow_blob_media(mut self) -> Self {
        self.media = Some("blob:".to_owned());
        self
    }

    /// The response: the page with this content.
    pub(super) fn render(self, content: &Markup) -> Response {
        let plain = Bytes::from(self.document(content).into_string());
        let encoding = Encoding::choose(&self.ctx.headers, plain.len());
        let mut response = (self.status, encoding.encode(&plain)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(VARY, HeaderValue::from_static("cookie, accept-language, accept-encoding"));
        // Our own pages receive the referrer, other sites do not.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if let Some(encoding) = encoding.header() {
            headers.insert(CONTENT_ENCODING, encoding);
        }
        response
    }

    /// The Content Security Policy: scripts and styles only from files of this site, never inline.
    fn policy(&self) -> HeaderValue {
        let media = self.media.as_deref().unwrap_or_default();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' {media}; media-src 'self' {media}; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'"
        );
        let nothing = HeaderValue::from_static("default-src 'none'");
        HeaderValue::try_from(policy).unwrap_or(nothing)
    }

    fn document(&self, content: &Markup) -> Markup {
        let (ctx, messages) = (self.ctx, self.ctx.messages());
        html! {
            (DOCTYPE)
            html lang=(ctx.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · " (messages.contest) }
                    link rel="stylesheet" href=(assets::STYLE.url());
                    link rel="icon" type="image/svg+xml" href=(assets::ICON.url());
                    (self.head)
                    @for script in &self.scripts {
                        script type="module" src=(script.url()) {}
                    }
                }
                body {
                    a.skip href="#content" { (messages.skip_to_content) }
                    (self.banner())
                    main #content tabindex="-1" { (content) }
                    footer {
                        p { (messages.footer) }
                        p { a href="/docs" { (messages.api) } }
                        (self.languages())
                    }
                }
            }
        }
    }

    fn banner(&self) -> Markup {
        let (ctx, messages) = (self.ctx, self.ctx.messages());
        let path = ctx.path_and_query.split('?').next().unwrap_or("/");
        let link = |to: &str, text: &str| {
            html! {
                li { a href=(to) aria-current=[(path == to).then_some("page")] { (text) } }
            }
        };
        html! {
            header.banner {
                a.brand href="/" {
                    span.mark aria-hidden="true" { "ANB" }
                    span { "Rising Stars " span.thin { "Showcase" } }
                }
                nav aria-label=(messages.main_navigation) {
                    ul {
                        (link("/", messages.ranking))
                        (link("/videos", messages.videos))
                        @if ctx.account.is_some() {
                            (link("/me/upload", messages.upload))
                            (link("/me/videos", messages.my_videos))
                            (link("/me/account", messages.account))
                            li {
                                form method="post" action="/sign-out" {
                                    button.plain { (messages.sign_out) }
                                }
                            }
                        } @else {
                            (link("/sign-in", messages.sign_in))
                            (link("/sign-up", messages.sign_up))
                        }
                    }
                }
            }
        }
    }

    fn languages(&self) -> Markup {
        let ctx = self.ctx;
        html! {
            form.languages method="post" action="/language" {
                input type="hidden" name="next" value=(ctx.path_and_query);
                @for language in [Language::Spanish, Language::English] {
                    button.plain name="language" value=(language.tag()) lang=(language.tag())
                        aria-pressed=(language == ctx.language) { (language.name()) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_context() -> PageContext {
        PageContext {
            language: Language::Spanish,
            account: None,
            path_and_query: "/?q=\"<script>".to_owned(),
            headers: http::HeaderMap::new(),
        }
    }

    #[test]
    fn text_of_users_is_escaped() {
        let ctx = page_context();
        let page = Page::new(&ctx, "<script>alert(1)</script>");
        let written = page.document(&html! { p { "<img src=x onerror=alert(1)>" } }).into_string();
        assert!(!written.contains("<script>") && !written.contains("<img"));
    }

    #[test]
    fn the_policy_forbids_inline_code_and_allows_media_of_the_store() {
        let ctx = page_context();
        let page =
            Page::new(&ctx, "t").allow_media_from(Some("https://media.example/a.mp4?signature=x"));
        let policy = page.policy();
        let policy = policy.to_str().unwrap();
        assert!(policy.contains("media-src 'self' https://media.example;"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        let written = page.document(&html! {}).into_string();
        assert!(!written.contains(" style=") && !written.contains(" onclick="));
    }
}
