//! The settings of `anb serve` and `anb dev`.

use std::path::PathBuf;
use std::time::Duration;

use api::http_settings::{HttpArgs, HttpSettings};
use infra::config::{
    DatabaseArgs, DatabaseSettings, EventLogArgs, EventLogSettings, Secret, SecretKey,
    SettingError, StorageArgs, StorageSettings,
};
use transcoder::settings::{TranscoderArgs, TranscoderSettings};

use crate::roles::Roles;

/// Flags of `serve` and `dev`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) http: HttpArgs,

    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    #[command(flatten)]
    pub(crate) event_log: EventLogArgs,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    /// Key that signs access tokens and media URLs, at least 32 bytes. `dev` creates its own
    #[arg(long, env, hide_env_values = true, help_heading = "Contest")]
    pub(crate) secret_key: Option<Secret>,

    /// Lifetime of an access token, in minutes
    #[arg(long, env, hide_env_values = true,
          default_value = "1440", help_heading = "Contest",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) access_token_expire_minutes: u32,

    /// Maximum size of an uploaded video, in bytes
    #[arg(long, env, hide_env_values = true,
          default_value = "10485760", help_heading = "Contest",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_video_size: u64,

    /// How long an unfinished resumable upload is kept after its last byte, in minutes
    #[arg(long, env, hide_env_values = true,
          default_value = "1440", help_heading = "Contest",
          value_parser = clap::value_parser!(u32).range(1..=43_200))]
    pub(crate) upload_expire_minutes: u32,

    /// How long a command waits for its verdict before the answer is 202, in milliseconds
    #[arg(long, env, hide_env_values = true,
          default_value = "5000", help_heading = "Contest",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub(crate) verdict_deadline_ms: u64,

    /// Answer 503 to every command and append nothing, while the log moves to another place
    #[arg(long, env, hide_env_values = true, default_value = "false", help_heading = "Contest",
          num_args = 0..=1, default_missing_value = "true", require_equals = true,
          action = clap::ArgAction::Set)]
    pub(crate) read_only: bool,

    #[command(flatten)]
    pub(crate) transcoder: TranscoderArgs,

    /// Roles of this process, joined by commas
    #[arg(
        long,
        env,
        hide_env_values = true,
        default_value = "api,projector,transcoder",
        help_heading = "Contest"
    )]
    pub(crate) roles: Roles,
}

/// Consistent settings of a serving process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The roles of this process.
    pub(crate) roles: Roles,
    /// Where the server listens, and which origins may call it.
    pub(crate) http: HttpSettings,
    /// The time between the start of the shutdown, which `/ready` reports, and the end of the port. Load
    /// balancers notice meanwhile.
    pub(crate) shutdown_grace: Duration,
    /// The database.
    pub(crate) database: DatabaseSettings,
    /// The event log.
    pub(crate) event_log: EventLogSettings,
    /// The object storage of videos.
    pub(crate) storage: StorageSettings,
    /// Signs access tokens and media URLs.
    pub(crate) secret_key: SecretKey,
    /// Lifetime of an access token.
    pub(crate) access_token_ttl: Duration,
    /// Maximum size of a video, in bytes.
    pub(crate) max_video_size: u64,
    /// How long an unfinished resumable upload is kept after its last byte.
    pub(crate) upload_expiry: Duration,
    /// The limit of the wait for a verdict.
    pub(crate) verdict_deadline: Duration,
    /// Whether every append to the log is rejected.
    pub(crate) read_only: bool,
    /// The transcoder's settings.
    pub(crate) transcoder: TranscoderSettings,
    /// The folder of local data.
    pub(crate) data_dir: PathBuf,
}

impl ServeArgs {
    /// The settings of `serve`, which needs a database URL and a secret key.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub(crate) fn parse(&self) -> Result<Settings, SettingError> {
        let url = self.database.url()?.ok_or_else(|| {
            SettingError::missing("DATABASE_URL", "only `anb dev` brings its own database")
        })?;
        let key = self.given_secret_key()?.ok_or_else(|| {
            SettingError::missing(
                "SECRET_KEY",
                "only `anb dev` makes its own; try: openssl rand -hex 32",
            )
        })?;
        self.with(DatabaseSettings::Url(url), key)
    }

    /// The settings of `dev`, which has its own database, and `own_key` unless another is given.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub(crate) fn parse_dev(&self, own_key: SecretKey) -> Result<Settings, SettingError> {
        if self.database.url()?.is_some() {
            return Err(SettingError::new(
                "DATABASE_URL is set, but `anb dev` brings its own database: \
                 unset it, or use `anb serve`",
            ));
        }
        let key = self.given_secret_key()?.unwrap_or(own_key);
        self.with(DatabaseSettings::Private { data_dir: self.database.data_dir.clone() }, key)
    }

    fn given_secret_key(&self) -> Result<Option<SecretKey>, SettingError> {
        let given = self.secret_key.clone().filter(|key| !key.is_blank());
        given.map(SecretKey::parse).transpose()
    }

    fn with(
        &self,
        database: DatabaseSettings,
        secret_key: SecretKey,
    ) -> Result<Settings, SettingError> {
        let grace = self.http.shutdown_grace_ms.map(Duration::from_millis);
        Ok(Settings {
            shutdown_grace: grace.unwrap_or(default_grace(&database)),
            roles: self.roles.clone(),
            http: self.http.parse()?,
            database,
            event_log: self.event_log.parse()?,
            storage: self.storage.parse(&self.database.data_dir)?,
            secret_key,
            access_token_ttl: Duration::from_secs(60 * u64::from(self.access_token_expire_minutes)),
            max_video_size: self.max_video_size,
            upload_expiry: Duration::from_secs(60 * u64::from(self.upload_expire_minutes)),
            verdict_deadline: Duration::from_millis(self.verdict_deadline_ms),
            read_only: self.read_only,
            transcoder: self.transcoder.parse(),
            data_dir: self.database.data_dir.clone(),
        })
    }
}

/// `anb dev` has no load balancer that must notice the shutdown.
fn default_grace(database: &DatabaseSettings) -> Duration {
    match database {
        DatabaseSettings::Url(_) => Duration::from_secs(5),
        DatabaseSettings::Private { .. } => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeArgs,
    }

    const URL: &str = "--database-url=postgres://anb@localhost/anb";
    const KEY: &str = "--secret-key=0123456789abcdef0123456789abcdef";

    fn args(flags: &[&str]) -> Result<ServeArgs, String> {
        let line = std::iter::once("anb").chain(flags.iter().copied());
        Cli::try_parse_from(line).map(|cli| cli.serve).map_err(|error| error.to_string())
    }

    fn mistake(flags: &[&str]) -> String {
        args(flags).unwrap().parse().unwrap_err().to_string()
    }

    #[test]
    fn a_url_and_a_key_are_enough() {
        let settings = args(&[URL, KEY]).unwrap().parse().unwrap();
        assert_eq!(settings.roles.to_string(), "api,projector,transcoder");
        assert_eq!(settings.access_token_ttl, Duration::from_secs(86_400));
        assert_eq!(settings.max_video_size, 10_485_760);
        assert_eq!(settings.upload_expiry, Duration::from_secs(86_400));
        assert_eq!(settings.shutdown_grace, Duration::from_secs(5));
        assert_eq!(settings.event_log, EventLogSettings::Postgres { partitions: 8 });
        assert_eq!(settings.storage, StorageSettings::Local { root: ".anb/media".into() });
    }

    #[test]
    fn serve_needs_a_url_and_a_key() {
        assert!(mistake(&[KEY]).starts_with("DATABASE_URL is not set"));
        assert!(mistake(&[URL]).starts_with("SECRET_KEY is not set"));
        assert!(mistake(&[URL, "--secret-key="]).starts_with("SECRET_KEY is not set"));
        assert!(mistake(&[URL, "--secret-key=short"]).starts_with("SECRET_KEY has 5 bytes"));
    }

    #[test]
    fn dev_has_its_own_key_and_rejects_a_database_url() {
        let own = || SecretKey::parse(Secret::new("m".repeat(64))).unwrap();
        let settings = args(&[]).unwrap().parse_dev(own()).unwrap();
        assert_eq!(settings.secret_key.expose(), "m".repeat(64).as_bytes());
        assert_eq!(settings.shutdown_grace, Duration::ZERO);
        let given = args(&[KEY, "--shutdown-grace-ms=70"]).unwrap().parse_dev(own()).unwrap();
        assert_eq!(given.shutdown_grace, Duration::from_millis(70));
        assert_eq!(given.secret_key.expose(), b"0123456789abcdef0123456789abcdef");
        let error = args(&[URL]).unwrap().parse_dev(own()).unwrap_err().to_string();
        assert!(error.starts_with("DATABASE_URL is set, but `anb dev`"), "{error}");
    }

    #[test]
    fn numbers_and_choices_out_of_range_name_their_setting() {
        for (flag, name) in [
            ("--http-addr=8080", "HTTP_ADDR"),
            ("--log-partitions=0", "LOG_PARTITIONS"),
            ("--max-video-size=ten", "MAX_VIDEO_SIZE"),
            ("--upload-expire-minutes=0", "UPLOAD_EXPIRE_MINUTES"),
            ("--access-token-expire-minutes=0", "ACCESS_TOKEN_EXPIRE_MINUTES"),
            ("--shutdown-grace-ms=60001", "SHUTDOWN_GRACE_MS"),
            ("--verdict-deadline-ms=60001", "VERDICT_DEADLINE_MS"),
            ("--transcode-workers=0", "TRANSCODE_WORKERS"),
            ("--require-sandbox=perhaps", "REQUIRE_SANDBOX"),
            ("--event-log=redis", "EVENT_LOG"),
            ("--storage-backend=ftp", "STORAGE_BACKEND"),
            ("--roles=web", "ROLES"),
        ] {
            let error = args(&[URL, KEY, flag]).unwrap_err();
            let first = error.lines().next().unwrap_or_default();
            assert!(first.contains(name), "{flag}: {first}");
        }
    }
}
