//! Settings without a value or with a wrong one.

/// A setting that is missing, makes no sense, or contradicts another: one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl SettingError {
    /// An error with this text, which starts with the name of the setting.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The setting `name` has no value, and `why` it needs one.
    pub fn missing(name: &str, why: &str) -> Self {
        Self(format!("{name} is not set: {why}"))
    }
}

/// The trimmed text; `None` if nothing is left. An empty variable counts as unset: files of settings
/// often leave a name without a value.
pub fn non_empty(value: Option<&str>) -> Option<String> {
    value.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
