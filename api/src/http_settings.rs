//! Settings of HTTP: where the server listens, and which browsers may call it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use infra::config::{SettingError, is_http_url, non_empty};

/// Flags about HTTP.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Address and port to listen on
    #[arg(long, env, hide_env_values = true, default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,

    /// How browsers reach us, for links, media and cookies [default: from HTTP_ADDR]
    #[arg(long, env, hide_env_values = true)]
    pub public_url: Option<String>,

    /// Origins whose pages may call the API, joined by commas, or * for all
    #[arg(long, env, hide_env_values = true, default_value = "*")]
    pub cors_origins: String,

    /// How long to go on serving after /ready says no and before the port closes, in milliseconds
    /// [default: 5000; dev: 0]
    #[arg(long, env, hide_env_values = true,
          value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub shutdown_grace_ms: Option<u64>,
}

/// Where the server listens and which browsers may call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where to listen. Port 0 means any free one.
    pub addr: SocketAddr,
    /// Which origins may call.
    pub cors_origins: CorsOrigins,
    public_url: Option<String>,
}

/// Which web pages may call the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// All of them.
    Any,
    /// Those of these origins, each a scheme and a host, without a path.
    Only(Vec<String>),
}

impl HttpSettings {
    /// How browsers reach us, without a slash at the end; `bound` is where we really listen.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let mut reachable = bound;
        if bound.ip().is_unspecified() {
            reachable.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{reachable}")
    }
}

impl HttpArgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub fn parse(&self) -> Result<HttpSettings, SettingError> {
        let public_url = non_empty(self.public_url.as_deref()).map(parse_public_url).transpose()?;
        let cors_origins = parse_origins(&self.cors_origins)?;
        Ok(HttpSettings { addr: self.http_addr, cors_origins, public_url })
    }
}

fn parse_public_url(url: String) -> Result<String, SettingError> {
    if !is_http_url(&url) || url.contains(['?', '#']) {
        return Err(SettingError::new(format!("PUBLIC_URL: `{url}` is not http(s)://host")));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn parse_origins(text: &str) -> Result<CorsOrigins, SettingError> {
    let origins: Vec<&str> = text.split(',').map(str::trim).filter(|o| !o.is_empty()).collect();
    if origins.contains(&"*") {
        return match origins.len() {
            1 => Ok(CorsOrigins::Any),
            _ => Err(SettingError::new("CORS_ORIGINS is either * or a list of origins, not both")),
        };
    }
    let is_origin = |text: &str| {
        is_http_url(text) && text.matches('/').count() == 2 && !text.contains(['?', '#', '@'])
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(bad) => Err(SettingError::new(format!(
            "CORS_ORIGINS: `{bad}` is no origin, such as https://example.org"
        ))),
        None => Ok(CorsOrigins::Only(origins.into_iter().map(str::to_owned).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> HttpArgs {
        HttpArgs {
            http_addr: SocketAddr::from(([0, 0, 0, 0], 0)),
            public_url: None,
            cors_origins: "*".to_owned(),
            shutdown_grace_ms: None,
        }
    }

    #[test]
    fn the_public_url_follows_the_port_that_was_bound() {
        let settings = args().parse().unwrap();
        let bound = SocketAddr::from(([0, 0, 0, 0], 4321));
        assert_eq!(settings.public_url(bound), "http://127.0.0.1:4321");
        let told = HttpArgs { public_url: Some("https://anb.example/".to_owned()), ..args() };
        assert_eq!(told.parse().unwrap().public_url(bound), "https://anb.example");
    }

    #[test]
    fn a_public_url_needs_a_scheme_and_a_host() {
        for bad in ["anb.example", "https://", "https://anb.example?x"] {
            let args = HttpArgs { public_url: Some(bad.to_owned()), ..args() };
            let error = args.parse().unwrap_err().to_string();
            assert_eq!(error, format!("PUBLIC_URL: `{bad}` is not http(s)://host"));
        }
    }

    #[test]
    fn origins_are_a_star_or_a_list() {
        let parse = |text: &str| {
            HttpArgs { cors_origins: text.to_owned(), ..args() }.parse().map(|s| s.cors_origins)
        };
        assert_eq!(parse("*"), Ok(CorsOrigins::Any));
        let two = vec!["https://a.example".to_owned(), "http://b:1".to_owned()];
        assert_eq!(parse("https://a.example, http://b:1"), Ok(CorsOrigins::Only(two)));
        for bad in ["*,https://a", "https://a/path", "a.example"] {
            assert!(parse(bad).unwrap_err().to_string().starts_with("CORS_ORIGINS"), "{bad}");
        }
    }
}
