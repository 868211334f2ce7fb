//! An S3 server: S3Proxy on a folder.

use std::fs;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use rustix::process::Signal;
use tempfile::TempDir;
use uuid::Uuid;

use crate::java::{Service, free_port};
use crate::{from_runner, jars, variables};

/// The access key of every S3 server here.
pub const ACCESS_KEY: &str = "anb-test";
/// Its secret.
pub const SECRET_KEY: &str = "anb-test-secret";
/// The region that clients name.
pub const REGION: &str = "us-east-1";

/// What fits on a full disk: smaller than any object of ours.
const FULL: u64 = 512;

/// A bucket of a test's own.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    /// URL of the server.
    pub endpoint: String,
    /// The bucket; it exists and is empty.
    pub bucket: String,
    /// Region.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

impl S3Bucket {
    /// The settings of a process whose object storage is this bucket.
    pub fn settings(&self) -> [(&'static str, &str); 6] {
        [
            ("STORAGE_BACKEND", "s3"),
            ("AWS_S3_BUCKET_NAME", self.bucket.as_str()),
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", self.region.as_str()),
            ("AWS_ACCESS_KEY_ID", self.access_key.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.as_str()),
        ]
    }
}

/// A fresh bucket on the shared server.
///
/// # Panics
/// If there is no shared server, or it makes no bucket.
pub async fn s3() -> S3Bucket {
    bucket_on(&from_runner(variables::S3_ENDPOINT)).await
}

/// A fresh bucket on the server at `endpoint`.
///
/// # Panics
/// If the server makes no bucket.
#[expect(clippy::expect_used, reason = "a test without its service must fail")]
pub async fn bucket_on(endpoint: &str) -> S3Bucket {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .force_path_style(true)
        .build();
    let bucket = format!("anb-test-{}", Uuid::new_v4().simple());
    let created = Client::from_conf(config).create_bucket().bucket(&bucket).send().await;
    created.expect("the S3 server makes a bucket");
    S3Bucket {
        endpoint: endpoint.to_owned(),
        bucket,
        region: REGION.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
    }
}

/// A server that its owner may kill and restart; port and data stay.
pub struct OwnS3 {
    folder: TempDir,
    port: u16,
    service: Option<Service>,
}

impl OwnS3 {
    /// Starts a server without buckets.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("anb-s3-").tempdir()?;
        let mut server = Self { folder, port: free_port()?, service: None };
        server.restart()?;
        Ok(server)
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.service = None;
    }

    /// Freezes the server: connections stay, nothing answers.
    pub fn freeze(&self) {
        if let Some(service) = &self.service {
            service.signal(Signal::STOP);
        }
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        if let Some(service) = &self.service {
            service.signal(Signal::CONT);
        }
    }

    /// Its disk takes no more objects, or takes them again.
    pub fn fill_disk(&self, full: bool) {
        if let Some(service) = &self.service {
            service.limit_files(full.then_some(FULL));
        }
        self.remove_halves(|bytes| bytes <= FULL);
    }

    /// Removes what the server leaves of objects whose writing was cut short: it would list them. A
    /// real one never shows them.
    fn remove_halves(&self, is_half: impl Fn(u64) -> bool) {
        let mut folders = vec![self.folder.path().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(path);
                } else if is_temporary(&name.to_string_lossy()) && is_half(metadata.len()) {
                    // It may have been renamed in this moment.
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    /// Starts the server again, killing it first if it runs, and waits until it answers.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        self.remove_halves(|_| true);
        let data = self.folder.path().join("data");
        fs::create_dir_all(&data)?;
        let settings = self.folder.path().join("s3proxy.properties");
        let text = format!(
            "s3proxy.endpoint={}\ns3proxy.authorization=aws-v2-or-v4\n\
             s3proxy.identity={ACCESS_KEY}\ns3proxy.credential={SECRET_KEY}\n\
             jclouds.provider=filesystem-nio2\njclouds.filesystem.basedir={}\n",
            self.endpoint(),
            data.display(),
        );
        fs::write(&settings, text)?;
        let log = self.folder.path().join("server.log");
        let arguments = [
            "-Xmx256m".to_owned(),
            format!("-Dlogback.configurationFile={}", jars::recipe("logback.xml").display()),
            "-cp".to_owned(),
            jars::class_path("s3proxy")?,
            "org.gaul.s3proxy.Main".to_owned(),
            "--properties".to_owned(),
            settings.display().to_string(),
        ];
        let mut service = Service::java(&arguments, &log)?;
        service.wait_for_port(self.port, &log)?;
        self.service = Some(service);
        Ok(())
    }
}

/// The server writes an object to `<key>-<uuid>` first.
fn is_temporary(name: &str) -> bool {
    let (at, length) = (name.len().checked_sub(37), name.len());
    at.and_then(|at| name.get(at..length))
        .and_then(|end| end.strip_prefix('-'))
        .is_some_and(|uuid| uuid.parse::<Uuid>().is_ok())
}
