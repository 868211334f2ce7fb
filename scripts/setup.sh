#!/usr/bin/env bash
# Installs what is missing to build and run ("run"), to test ("test"), to measure ("bench") or to lint
# ("lint"). Prints nothing if nothing is missing.
#
# - System packages: with apt on Debian and Ubuntu. On other systems it names what is missing and stops.
# - The pinned Rust: with rustup.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-run}
say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

packages=(
  build-essential pkg-config cmake clang libclang-dev curl ca-certificates
  libcurl4-openssl-dev libssl-dev zlib1g-dev
  libavcodec-dev libavformat-dev libavfilter-dev libavdevice-dev
  libswscale-dev libswresample-dev libavutil-dev
  postgresql
)
tools=(cc pkg-config cmake clang curl)
case $purpose in
  run | lint) ;;
  test)
    # PgBouncer: a pooler that is refused, or works, by its mode.
    packages+=(ffmpeg openjdk-17-jdk-headless maven chromium chromium-driver openssl pgbouncer)
    tools+=(ffmpeg java mvn chromium chromedriver openssl)
    ;;
  bench)
    # nginx and Redis are baselines; wrk is a load generator.
    packages+=(ffmpeg openjdk-17-jdk-headless maven python3-venv nginx-light redis-server wrk)
    tools+=(ffmpeg java mvn nginx redis-server wrk)
    ;;
  *) stop "usage: scripts/setup.sh [run|test|bench|lint]" ;;
esac

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    stop "this needs root, and sudo is not installed: $*"
  fi
}

# Also true if another package provides the name.
is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_with_apt() {
  local missing=() package log
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  log=$(mktemp)
  if ! {
    as_root apt-get update --quiet=2 &&
      as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    stop "apt failed (whole output: $log)"
  fi
  rm -f "$log"
}

# On a system without apt: looks for the tools and libraries themselves.
name_what_is_missing() {
  local missing=() tool library
  for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  for library in libavcodec libavformat libavfilter libavdevice libswscale libswresample libavutil \
    libcurl openssl zlib; do
    pkg-config --exists "$library" 2>/dev/null || missing+=("$library (library and headers)")
  done
  command -v initdb >/dev/null || command -v pg_config >/dev/null ||
    missing+=("PostgreSQL 15 or newer (server)")
  [ ${#missing[@]} -gt 0 ] || return 0
  say "this system has no apt. Install these, then try again:"
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
}

install_rust() {
  local channel cargo_bin=${CARGO_HOME:-$HOME/.cargo}/bin
  export PATH="$cargo_bin:$PATH"
  channel=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
  if ! command -v cargo >/dev/null; then
    say "installing rustup"
    curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
      sh -s -- -y --quiet --profile minimal --default-toolchain none --no-modify-path >/dev/null
  fi
  if ! command -v rustup >/dev/null; then
    cargo --version | grep --quiet --fixed-strings " $channel" ||
      stop "Rust $channel is needed, this is $(cargo --version), and rustup is not installed"
    return 0
  fi
  # rustup can be configured not to install a missing toolchain by itself.
  local installed
  installed=$(rustup component list --toolchain "$channel" --installed 2>/dev/null || true)
  if ! grep --quiet '^cargo' <<<"$installed" ||
    ! grep --quiet '^rustfmt' <<<"$installed" ||
    ! grep --quiet '^clippy' <<<"$installed"; then
    say "installing Rust $channel"
    rustup --quiet toolchain install "$channel" --profile minimal --no-self-update \
      --component rustfmt --component clippy
  fi
}

# Fetches files of an npm package for the browser tests: fetch_npm NAME VERSION SHA512 FILE...
fetch_npm() {
  local name=$1 version=$2 sha512=$3 folder=tests/services/lib/$1 partial
  shift 3
  [ ! -d "$folder" ] || return 0
  say "fetching $name $version"
  mkdir -p "$(dirname "$folder")"
  partial=$(mktemp --directory --tmpdir="$(dirname "$folder")" fetching-XXXXXX)
  curl --proto '=https' --tlsv1.2 --silent --show-error --fail --output "$partial/package.tgz" \
    "https://registry.npmjs.org/$name/-/$name-$version.tgz" || stop "cannot fetch $name"
  sha512sum --check --status <<<"$sha512  $partial/package.tgz" || stop "$name has the wrong checksum"
  tar --extract --gzip --file "$partial/package.tgz" --directory "$partial" \
    --transform 's,.*/,,' "${@/#/package/}"
  rm "$partial/package.tgz"
  mv --no-target-directory "$partial" "$folder"
}

# A baseline of the transcoder, in a Python environment of its own. `make bench` also runs without it.
fetch_moviepy() {
  local version=2.2.1 folder=tests/services/lib/moviepy partial
  [ ! -e "$folder" ] || return 0
  say "fetching moviepy $version"
  mkdir -p "$(dirname "$folder")"
  partial=$(mktemp --directory --tmpdir="$(dirname "$folder")" fetching-XXXXXX)
  if python3 -m venv "$partial" >&2 &&
    "$partial/bin/python" -m pip --quiet install "moviepy==$version" >&2; then
    mv --no-target-directory "$partial" "$folder"
  else
    say "cannot install moviepy; it will not be measured"
    rm -r "$partial"
  fi
}

# Checks the accessibility of the pages.
fetch_axe() {
  fetch_npm axe-core 4.14.1 \
    1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5 \
    axe.min.js LICENSE
}

# The reference client of resumable uploads.
fetch_tus() {
  fetch_npm tus-js-client 4.3.1 \
    64b7989a3ae4694d5f52c29b222f0930be76b80a1c8c466d071e032a346bab3ad96b43b8318c13e9d6fea2a78f96ca55f85c57240c8505cfcbe60c148b6385b2 \
    dist/tus.min.js LICENSE
}

# Checks the SQL statements. Its version must be that of the sqlx crate.
install_sqlx_cli() {
  local version
  version=$(sed -n '/^name = "sqlx"$/ { n; s/^version = "\(.*\)"/\1/p }' Cargo.lock)
  [ "$(cargo sqlx --version 2>/dev/null)" != "sqlx-cli-sqlx $version" ] || return 0
  say "installing sqlx-cli $version"
  cargo install --quiet --locked sqlx-cli --version "$version" --force \
    --no-default-features --features postgres,rustls
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  install_with_apt
else
  name_what_is_missing
fi
install_rust
case $purpose in
  test)
    fetch_axe
    fetch_tus
    ;;
  bench) fetch_moviepy ;;
  lint) install_sqlx_cli ;;
esac
