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
        Ok(Some(url))
    }
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
    fn a_url_of_another_database_is_rejected_and_not_shown() {
        let error = args(Some("mysql://root:hunter2@db/anb")).parse().unwrap_err().to_string();
        assert_eq!(error, "DATABASE_URL does not begin with postgres://");
    }
}
