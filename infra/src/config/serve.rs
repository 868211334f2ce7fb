//! All settings of a serving process.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    DatabaseArgs, DatabaseSettings, EventLogArgs, EventLogSettings, HttpArgs, HttpSettings, Roles,
    Secret, SecretKey, SettingError, StorageArgs, StorageSettings,
};

/// Flags of `serve` and `dev`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented on its type")]
    pub http: HttpArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "documented on its type")]
    pub database: DatabaseArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "documented on its type")]
    pub event_log: EventLogArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "documented on its type")]
    pub storage: StorageArgs,

    /// Key that signs access tokens and media URLs, at least 32 bytes. `dev` makes its own
    #[arg(long, env, hide_env_values = true, value_name = "SECRET_KEY", help_heading = "Contest")]
    pub secret_key: Option<Secret>,

    /// How long an access token is good for, in minutes
    #[arg(long, env, hide_env_values = true, value_name = "ACCESS_TOKEN_EXPIRE_MINUTES",
          default_value = "1440", help_heading = "Contest",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub access_token_expire_minutes: u32,

    /// Largest video that may be uploaded, in bytes
    #[arg(long, env, hide_env_values = true, value_name = "MAX_VIDEO_SIZE",
          default_value = "10485760", help_heading = "Contest",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_video_size: u64,

    /// A resumable upload of which nothing comes for so long is forgotten, in minutes
    #[arg(long, env, hide_env_values = true, value_name = "UPLOAD_EXPIRE_MINUTES",
          default_value = "1440", help_heading = "Contest",
          value_parser = clap::value_parser!(u32).range(1..=43_200))]
    pub upload_expire_minutes: u32,

    /// How long a command waits for its verdict before it is answered with 202, in milliseconds
    #[arg(long, env, hide_env_values = true, value_name = "VERDICT_DEADLINE_MS",
          default_value = "5000", help_heading = "Contest",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub verdict_deadline_ms: u64,

    /// Videos processed at the same time [default: half the processors, at least 1]
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "TRANSCODE_WORKERS",
        help_heading = "Contest"
    )]
    pub transcode_workers: Option<NonZeroUsize>,

    /// Make an adaptive stream (HLS) of each video, beside the one file; takes a quarter more processor time
    #[arg(long, env, hide_env_values = true, value_name = "HLS",
          default_value = "true", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, action = clap::ArgAction::Set, help_heading = "Contest")]
    pub hls: bool,

    /// Refuse to start a transcoder where the kernel cannot build its whole sandbox
    #[arg(long, env, hide_env_values = true, value_name = "REQUIRE_SANDBOX",
          default_value = "false", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, action = clap::ArgAction::Set, help_heading = "Contest")]
    pub require_sandbox: bool,

    /// What this process does, joined by commas
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "ROLES",
        default_value = "api,projector,transcoder",
        help_heading = "Contest"
    )]
    pub roles: Roles,
}

/// The settings of a serving process, none of which contradicts another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What this process does.
    pub roles: Roles,
    /// Where and for whom it answers.
    pub http: HttpSettings,
    /// Told to stop, it serves on for so long, so that balancers notice before the port closes.
    pub shutdown_grace: Duration,
    /// Its database.
    pub database: DatabaseSettings,
    /// Its log.
    pub event_log: EventLogSettings,
    /// Where its videos are.
    pub storage: StorageSettings,
    /// Signs access tokens and media URLs.
    pub secret_key: SecretKey,
    /// How long an access token is good for.
    pub access_token_ttl: Duration,
    /// Largest video in bytes.
    pub max_video_size: u64,
    /// A resumable upload of which nothing comes for so long is forgotten.
    pub upload_expiry: Duration,
    /// How long a command waits for its verdict.
    pub verdict_deadline: Duration,
    /// Videos processed at the same time.
    pub transcode_workers: NonZeroUsize,
    /// Whether videos get an adaptive stream as well.
    pub hls: bool,
    /// Whether a transcoder works in a whole sandbox or not at all.
    pub require_sandbox: bool,
    /// Folder for what this machine keeps.
    pub data_dir: PathBuf,
}

impl ServeArgs {
    /// The settings of `serve`: nothing is made up.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub fn parse(&self) -> Result<Settings, SettingError> {
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

    /// The settings of `dev`, which brings its own database, and a key if none is given.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub fn parse_dev(&self, own_key: SecretKey) -> Result<Settings, SettingError> {
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
            transcode_workers: self.transcode_workers.unwrap_or_else(default_workers),
            hls: self.hls,
            require_sandbox: self.require_sandbox,
            data_dir: self.database.data_dir.clone(),
        })
    }
}

/// Nobody balances between processes that bring their own database.
fn default_grace(database: &DatabaseSettings) -> Duration {
    match database {
        DatabaseSettings::Url(_) => Duration::from_secs(5),
        DatabaseSettings::Private { .. } => Duration::ZERO,
    }
}

/// An encoder uses several threads; half the processors leave room for the answers to requests.
fn default_workers() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN)
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
        assert_eq!(settings.roles, Roles::all());
        assert_eq!(settings.access_token_ttl, Duration::from_secs(86_400));
        assert_eq!(settings.max_video_size, 10_485_760);
        assert_eq!(settings.upload_expiry, Duration::from_secs(86_400));
        assert_eq!(settings.shutdown_grace, Duration::from_secs(5));
        assert_eq!(settings.event_log, EventLogSettings::Postgres { partitions: 8 });
        assert_eq!(settings.storage, StorageSettings::Local { root: ".anb/media".into() });
    }

    #[test]
    fn serve_makes_nothing_up() {
        assert!(mistake(&[KEY]).starts_with("DATABASE_URL is not set"));
        assert!(mistake(&[URL]).starts_with("SECRET_KEY is not set"));
        assert!(mistake(&[URL, "--secret-key="]).starts_with("SECRET_KEY is not set"));
        assert!(mistake(&[URL, "--secret-key=short"]).starts_with("SECRET_KEY has 5 bytes"));
    }

    #[test]
    fn dev_makes_a_key_and_refuses_a_foreign_database() {
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
