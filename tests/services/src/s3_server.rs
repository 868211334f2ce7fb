//! An S3 server: S3Proxy on a folder.

use std::fs;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use uuid::Uuid;

use crate::jars;
use crate::java::{JavaService, free_port};
use crate::variables::{self, from_runner};

/// Access key id of every S3 server in this crate.
pub const ACCESS_KEY: &str = "anb-test";
/// Secret access key of every S3 server in this crate.
pub const SECRET_KEY: &str = "anb-test-secret";
/// The region that clients name.
pub const REGION: &str = "us-east-1";

/// The largest file on a full disk: smaller than any object of the tests.
const FULL_DISK_BYTES: u64 = 512;

/// A bucket of one test.
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

/// A new bucket on the shared server.
///
/// # Panics
/// If the runner has started no server, or it cannot create a bucket.
pub async fn s3() -> S3Bucket {
    bucket_on(&from_runner(variables::S3_ENDPOINT)).await
}

/// A new bucket on the server at `endpoint`.
///
/// # Panics
/// If the server cannot create a bucket.
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
    created.expect("the S3 server creates a bucket");
    S3Bucket {
        endpoint: endpoint.to_owned(),
        bucket,
        region: REGION.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
    }
}

/// A server of one test, which may kill, freeze and restart it. Port and data survive a restart.
pub struct OwnS3 {
    service: JavaService,
}

impl OwnS3 {
    /// Starts a server without buckets.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn start() -> anyhow::Result<Self> {
        let mut server = Self { service: JavaService::new("s3proxy", free_port()?)? };
        server.restart()?;
        Ok(server)
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.service.address())
    }

    /// Kills the server, as a power cut would.
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Freezes the server: its connections stay open, but nothing answers.
    pub fn freeze(&self) {
        self.service.freeze();
    }

    /// Continues a frozen server.
    pub fn thaw(&self) {
        self.service.thaw();
    }

    /// Fills the disk: the server can write no more objects. `false` empties it again.
    pub fn fill_disk(&self, full: bool) {
        self.service.limit_file_size(full.then_some(FULL_DISK_BYTES));
        self.remove_partial_objects(|bytes| bytes <= FULL_DISK_BYTES);
    }

    /// Removes the temporary files of interrupted writes. This server lists them as objects, which a real
    /// one never does.
    fn remove_partial_objects(&self, is_partial: impl Fn(u64) -> bool) {
        let mut folders = vec![self.service.path("data")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(path);
                } else if is_temporary(&name.to_string_lossy()) && is_partial(metadata.len()) {
                    // The server may have renamed it meanwhile.
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    /// Kills the server, starts it again, and waits until it answers.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        self.remove_partial_objects(|_| true);
        let (data, settings) = (self.service.path("data"), self.service.path("s3proxy.properties"));
        fs::create_dir_all(&data)?;
        let text = format!(
            "s3proxy.endpoint={}\ns3proxy.authorization=aws-v2-or-v4\n\
             s3proxy.identity={ACCESS_KEY}\ns3proxy.credential={SECRET_KEY}\n\
             jclouds.provider=filesystem-nio2\njclouds.filesystem.basedir={}\n",
            self.endpoint(),
            data.display(),
        );
        fs::write(&settings, text)?;
        self.service.restart(&[
            "-Xmx256m".to_owned(),
            format!("-Dlogback.configurationFile={}", jars::recipe("logback.xml").display()),
            "org.gaul.s3proxy.Main".to_owned(),
            "--properties".to_owned(),
            settings.display().to_string(),
        ])
    }
}

/// Whether the name is that of a temporary file, `<key>-<uuid>`.
fn is_temporary(name: &str) -> bool {
    let (at, length) = (name.len().checked_sub(37), name.len());
    at.and_then(|at| name.get(at..length))
        .and_then(|end| end.strip_prefix('-'))
        .is_some_and(|uuid| uuid.parse::<Uuid>().is_ok())
}
