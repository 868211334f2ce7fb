//! `GET /docs`, `/redoc`, `/openapi.json`: the OpenAPI document and two readers of it. This binary
//! serves everything; browsers load nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::error::{ApiError, RequestError};
use crate::state::ApiState;

const SWAGGER: &str = include_str!("../../assets/swagger.html");
const SWAGGER_START: &str = include_str!("../../assets/swagger-start.js");
const REDOC: &str = include_str!("../../assets/redoc.html");
const REDOC_SCRIPT: &[u8] = include_bytes!("../../assets/redoc/redoc.standalone.js");

/// Both readers set styles from their scripts, hence `unsafe-inline`. Neither loads from elsewhere.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'";

/// The routes that show `document`.
pub(crate) fn routes(document: &OpenApi) -> Router<ApiState> {
    // Never fails: the document was built from types.
    let json = Bytes::from(document.to_json().unwrap_or_default());
    Router::new()
        .route("/openapi.json", get(move || async move { script("application/json", json) }))
        .route("/docs", get(|| async { page(SWAGGER) }))
        .route("/docs/{file}", get(swagger_file))
        .route("/redoc", get(|| async { page(REDOC) }))
        .route(
            "/redoc/redoc.standalone.js",
            get(|| async { script("text/javascript", Bytes::from_static(REDOC_SCRIPT)) }),
        )
}

fn page(html: &'static str) -> Response {
    ([(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))], Html(html)).into_response()
}

fn script(content_type: &'static str, body: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}

async fn swagger_file(Path(file): Path<String>) -> Result<Response, ApiError> {
    if file == "start.js" {
        return Ok(script("text/javascript", Bytes::from_static(SWAGGER_START.as_bytes())));
    }
    let found = utoipa_swagger_ui::serve(&file, Arc::new(Config::from("/openapi.json")));
    match found {
        Ok(Some(found)) => {
            let content_type =
                HeaderValue::try_from(found.content_type.as_str()).map_err(ApiError::internal)?;
            let headers = [
                (CONTENT_TYPE, content_type),
                (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            ];
            Ok((headers, found.bytes.into_owned()).into_response())
        }
        Ok(None) => Err(RequestError::RouteUnknown.into()),
        // Its error is not `Send`, so only its text is kept.
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}
