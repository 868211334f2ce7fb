//! The body of an HTML form without files.

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use super::body::{JsonObject, read};
use crate::error::ApiError;

/// The fields of an HTML form. Of several with one name the last counts.
#[derive(Debug, Default)]
pub(crate) struct WebForm(pub(crate) Map<String, Value>);

impl<S: Sync> FromRequest<S> for WebForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read(request.into_body()).await?;
        let fields = url::form_urlencoded::parse(&bytes).into_owned();
        Ok(Self(fields.map(|(name, value)| (name, Value::from(value))).collect()))
    }
}

impl WebForm {
    /// The text of a field; empty if the field is absent.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The same fields as a JSON object.
    pub(crate) fn object(&self) -> JsonObject {
        JsonObject(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BodyError;
    use axum::body::Body;

    #[tokio::test]
    async fn fields_are_decoded_and_the_last_of_a_name_counts() {
        let body = Body::from("name=Ana+D%C3%ADaz&city=a&city=b&empty=&%ff");
        let form = WebForm::from_request(Request::new(body), &()).await.unwrap();
        assert_eq!(
            (form.text("name"), form.text("city"), form.text("empty")),
            ("Ana Díaz", "b", "")
        );
        assert_eq!(form.text("absent"), "");
        let large = Body::from("x".repeat(65 * 1024));
        let refused = WebForm::from_request(Request::new(large), &()).await;
        assert!(matches!(refused, Err(ApiError::Body(BodyError::TooLarge))));
    }
}
