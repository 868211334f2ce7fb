//! Settings of the database.

use std::path::PathBuf;

use super::secret::Secret;
use super::setting_error::SettingError;

/// Flags about the database and the data folder.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DatabaseArgs {
    /// Folder for everything this machine keeps: the private database of `dev`, local media, keys
    #[arg(long, env, hide_env_values = true, default_value = ".anb")]
    pub data_dir: PathBuf,

    /// PostgreSQL, as postgres://user:password@host:port/database. Without it, commands other than
    /// `serve` use the private database in DATA_DIR
    #[arg(long, env, hide_env_values = true)]
    pub database_url: Option<Secret>,
}

/// Which database to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseSettings {
    /// A server that runs elsewhere.
    Url(Secret),
    /// The private server in this folder, which this process starts and stops.
    Private {
        /// DATA_DIR.
        data_dir: PathBuf,
    },
}

impl DatabaseArgs {
    /// The URL if there is one, else the private database.
    ///
    /// # Errors
    /// If the URL is not one of PostgreSQL.
    pub fn parse(&self) -> Result<DatabaseSettings, SettingError> {
        match self.url()? {
            Some(url) => Ok(DatabaseSettings::Url(url)),
            None => Ok(DatabaseSettings::Private { data_dir: self.data_dir.clone() }),
        }
    }

    /// The URL, if there is one.
    ///
    /// # Errors
    /// If the URL is not one of PostgreSQL.
    pub fn url(&self) -> Result<Option<Secret>, SettingError> {
        let Some(url) = self.database_url.clone().filter(|url| !url.is_blank()) else {
            return Ok(None);
        };
        let scheme = url.expose().split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err(SettingError::new("DATABASE_URL does not begin with postgres://"));
        }
        if names_several_hosts(url.expose()) {
            return Err(SettingError::new(
                "DATABASE_URL names several hosts; give the one name that always leads to the \
                 primary, which a managed service moves at a fail-over",
            ));
        }
        Ok(Some(url))
    }
}

/// Whether libpq would try several hosts. The driver here takes the list for one name.
fn names_several_hosts(url: &str) -> bool {
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = before.split_once("://").map_or(before, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    // A password may contain a comma.
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    let listed = parameters
        .filter(|(name, _)| ["host", "hostaddr", "port"].contains(name))
        .any(|(_, value)| value.contains(',') || value.to_ascii_lowercase().contains("%2c"));
    hosts.contains(',') || listed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: Option<&str>) -> DatabaseArgs {
        DatabaseArgs { data_dir: ".anb".into(), database_url: url.map(Secret::new) }
    }

    #[test]
    fn without_a_url_the_private_database_is_used() {
        let private = DatabaseSettings::Private { data_dir: ".anb".into() };
        assert_eq!(args(None).parse(), Ok(private.clone()));
        assert_eq!(args(Some("")).parse(), Ok(private));
    }

    #[test]
    fn several_hosts_are_refused_by_one_sentence() {
        for url in [
            "postgres://anb:pw@a,b/anb",
            "postgres://anb:pw@a:5432,b:5433/anb?sslmode=require",
            "postgres://anb:pw@/anb?host=a,b",
            "postgres://anb:pw@/anb?host=a%2Cb",
        ] {
            let error = args(Some(url)).parse().unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL names several hosts"), "{error}");
        }
        assert!(args(Some("postgres://anb:p,w@a/anb?options=-c%20a=b,c")).parse().is_ok());
    }

    #[test]
    fn a_url_of_another_database_is_rejected_and_not_shown() {
        let error = args(Some("mysql://root:hunter2@db/anb")).parse().unwrap_err().to_string();
        assert_eq!(error, "DATABASE_URL does not begin with postgres://");
    }
}
