//! Settings of object storage.

use std::path::{Path, PathBuf};

use super::setting_error::{SettingError, non_empty};

/// Flags about object storage.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Object storage")]
pub struct StorageArgs {
    /// Where videos are kept
    #[arg(long, env, hide_env_values = true, default_value = "local")]
    pub storage_backend: StorageKind,

    /// Folder of STORAGE_BACKEND=local [default: DATA_DIR/media]
    #[arg(long, env, hide_env_values = true)]
    pub media_root: Option<String>,

    /// Bucket of STORAGE_BACKEND=s3; it must exist
    #[arg(long, env, hide_env_values = true)]
    pub aws_s3_bucket_name: Option<String>,

    /// Region of STORAGE_BACKEND=s3. Credentials are found as usual with AWS: environment, profile
    /// or instance role
    #[arg(long, env, hide_env_values = true)]
    pub aws_region: Option<String>,

    /// Another S3 server than Amazon's, as http://host:port
    #[arg(long, env, hide_env_values = true)]
    pub aws_endpoint_url: Option<String>,
}

/// The value of STORAGE_BACKEND.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StorageKind {
    /// A folder of this machine
    Local,
    /// Amazon S3, or a server that speaks its protocol
    S3,
}

/// Which store to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageSettings {
    /// A folder of this machine.
    Local {
        /// The folder.
        root: PathBuf,
    },
    /// S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// The region.
        region: String,
        /// The URL of a server other than Amazon's.
        endpoint: Option<String>,
    },
}

impl StorageArgs {
    /// Checks that the settings belong together. AWS_REGION and AWS_ENDPOINT_URL are general settings of
    /// AWS, so they do not contradict STORAGE_BACKEND=local.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub fn parse(&self, data_dir: &Path) -> Result<StorageSettings, SettingError> {
        let bucket = non_empty(self.aws_s3_bucket_name.as_deref());
        let root = non_empty(self.media_root.as_deref());
        match (self.storage_backend, bucket, root) {
            (StorageKind::Local, None, root) => Ok(StorageSettings::Local {
                root: root.map_or_else(|| data_dir.join("media"), PathBuf::from),
            }),
            (StorageKind::Local, Some(_), _) => Err(SettingError::new(
                "AWS_S3_BUCKET_NAME is set, but STORAGE_BACKEND is local: \
                 set STORAGE_BACKEND=s3, or unset AWS_S3_BUCKET_NAME",
            )),
            (StorageKind::S3, None, _) => {
                Err(SettingError::missing("AWS_S3_BUCKET_NAME", "STORAGE_BACKEND=s3 needs it"))
            }
            (StorageKind::S3, Some(_), Some(_)) => Err(SettingError::new(
                "MEDIA_ROOT is set, but STORAGE_BACKEND is s3: \
                 set STORAGE_BACKEND=local, or unset MEDIA_ROOT",
            )),
            (StorageKind::S3, Some(bucket), None) => {
                let region = non_empty(self.aws_region.as_deref()).ok_or_else(|| {
                    SettingError::missing("AWS_REGION", "STORAGE_BACKEND=s3 needs it")
                })?;
                let endpoint = non_empty(self.aws_endpoint_url.as_deref());
                if endpoint.as_deref().is_some_and(|url| !is_http_url(url)) {
                    return Err(SettingError::new(
                        "AWS_ENDPOINT_URL does not begin with http:// or https://",
                    ));
                }
                Ok(StorageSettings::S3 { bucket, region, endpoint })
            }
        }
    }
}

/// Whether the text is an `http` or `https` URL with a host.
pub fn is_http_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.strip_prefix(scheme).is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3() -> StorageArgs {
        StorageArgs {
            storage_backend: StorageKind::S3,
            media_root: None,
            aws_s3_bucket_name: Some("videos".to_owned()),
            aws_region: Some("us-east-1".to_owned()),
            aws_endpoint_url: None,
        }
    }

    fn mistake(args: &StorageArgs) -> String {
        args.parse(Path::new(".anb")).unwrap_err().to_string()
    }

    #[test]
    fn local_media_are_in_the_data_folder_by_default() {
        let mut args =
            StorageArgs { storage_backend: StorageKind::Local, aws_s3_bucket_name: None, ..s3() };
        let root = |args: &StorageArgs| args.parse(Path::new("/data")).unwrap();
        assert_eq!(root(&args), StorageSettings::Local { root: "/data/media".into() });
        args.media_root = Some("/srv".to_owned());
        assert_eq!(root(&args), StorageSettings::Local { root: "/srv".into() });
    }

    #[test]
    fn s3_needs_a_bucket_and_a_region() {
        let no_bucket = StorageArgs { aws_s3_bucket_name: None, ..s3() };
        assert!(mistake(&no_bucket).starts_with("AWS_S3_BUCKET_NAME is not set"));
        let no_region = StorageArgs { aws_region: Some(String::new()), ..s3() };
        assert!(mistake(&no_region).starts_with("AWS_REGION is not set"));
    }

    #[test]
    fn a_bucket_without_s3_and_a_folder_with_s3_are_contradictions() {
        let bucket = StorageArgs { storage_backend: StorageKind::Local, ..s3() };
        assert!(mistake(&bucket).starts_with("AWS_S3_BUCKET_NAME is set, but"));
        let folder = StorageArgs { media_root: Some("/srv".to_owned()), ..s3() };
        assert!(mistake(&folder).starts_with("MEDIA_ROOT is set, but"));
    }

    #[test]
    fn an_endpoint_is_a_url() {
        for bad in ["localhost:9000", "http://", "ftp://host"] {
            let args = StorageArgs { aws_endpoint_url: Some(bad.to_owned()), ..s3() };
            assert!(mistake(&args).starts_with("AWS_ENDPOINT_URL"), "{bad}");
        }
    }
}
