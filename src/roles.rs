//! The roles of a process.

use std::fmt;
use std::str::FromStr;

/// A part of the server that can run in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Answers HTTP requests.
    Api,
    /// Folds the log into the read models.
    Projector,
    /// Processes uploaded videos.
    Transcoder,
}

impl Role {
    const ALL: [Self; 3] = [Self::Api, Self::Projector, Self::Transcoder];

    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Projector => "projector",
            Self::Transcoder => "transcoder",
        }
    }
}

/// One or more roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles(Vec<Role>);

impl Roles {
    /// Whether this process has the role.
    pub(crate) fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let role = Role::ALL
                .into_iter()
                .find(|role| role.name() == name)
                .ok_or_else(|| format!("`{name}` is none of api, projector, transcoder"))?;
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        if roles.is_empty() {
            return Err("at least one of api, projector, transcoder is needed".to_owned());
        }
        Ok(Self(roles))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|role| role.name()).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_names_joined_by_commas() {
        let roles: Roles = "api, projector,api".parse().unwrap();
        assert_eq!(roles.to_string(), "api,projector");
        assert!(roles.contains(Role::Api) && !roles.contains(Role::Transcoder));
    }

    #[test]
    fn an_empty_list_and_an_unknown_role_are_rejected() {
        assert!("".parse::<Roles>().is_err());
        let error = "api,web".parse::<Roles>().unwrap_err();
        assert_eq!(error, "`web` is none of api, projector, transcoder");
    }
}
