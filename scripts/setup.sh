#!/usr/bin/env bash
# Installs what is missing to build and run ("run"), or also to test ("test") or to measure ("bench"):
# on Debian and Ubuntu the system packages through apt, everywhere the pinned Rust through rustup. Says
# nothing when everything is there. On other systems it names what is missing and stops.
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
  run) ;;
  test)
    packages+=(ffmpeg openjdk-17-jdk-headless maven chromium chromium-driver)
    tools+=(ffmpeg java mvn chromium chromedriver)
    ;;
  bench)
    # The last three are what ours is measured against, and with.
    packages+=(ffmpeg openjdk-17-jdk-headless maven python3-venv nginx-light redis-server wrk)
    tools+=(ffmpeg java mvn nginx redis-server wrk)
    ;;
  *) stop "usage: scripts/setup.sh [run|test|bench]" ;;
esac

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    stop "needs root for: $* (there is no sudo here)"
  fi
}

# A package counts as installed also when another version of it provides the name.
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
    stop "apt could not install them (its whole output: $log)"
  fi
  rm -f "$log"
}

# What has to be there on a system whose packages we do not know, by what we can see of it.
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
  say "this is neither Debian nor Ubuntu. Please install, then try again:"
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
      stop "needs Rust $channel; this is $(cargo --version), and there is no rustup to fetch it"
    return 0
  fi
  # rustup may be told not to install by itself, so never rely on that.
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

# A package of npm that the browser tests load, and these files of it; exactly this version.
fetch_npm() {
  local name=$1 version=$2 sha512=$3 folder=tests/services/lib/$1 half
  shift 3
  [ ! -d "$folder" ] || return 0
  say "fetching $name $version"
  mkdir -p "$(dirname "$folder")"
  half=$(mktemp --directory --tmpdir="$(dirname "$folder")" fetching-XXXXXX)
  curl --proto '=https' --tlsv1.2 --silent --show-error --fail --output "$half/package.tgz" \
    "https://registry.npmjs.org/$name/-/$name-$version.tgz" || stop "$name could not be fetched"
  sha512sum --check --status <<<"$sha512  $half/package.tgz" || stop "$name is not what it was"
  tar --extract --gzip --file "$half/package.tgz" --directory "$half" \
    --transform 's,.*/,,' "${@/#/package/}"
  rm "$half/package.tgz"
  mv --no-target-directory "$half" "$folder"
}

# Somebody to compare with, in an environment of its own. `make bench` does without, and says so.
fetch_moviepy() {
  local version=2.2.1 folder=tests/services/lib/moviepy half
  [ ! -e "$folder" ] || return 0
  say "fetching moviepy $version"
  mkdir -p "$(dirname "$folder")"
  half=$(mktemp --directory --tmpdir="$(dirname "$folder")" fetching-XXXXXX)
  if python3 -m venv "$half" >&2 &&
    "$half/bin/python" -m pip --quiet install "moviepy==$version" >&2; then
    mv --no-target-directory "$half" "$folder"
  else
    say "moviepy could not be installed, and is not measured"
    rm -r "$half"
  fi
}

# What looks for barriers on the pages.
fetch_axe() {
  fetch_npm axe-core 4.14.1 \
    1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5 \
    axe.min.js LICENSE
}

# The client of resumable uploads that others use.
fetch_tus() {
  fetch_npm tus-js-client 4.3.1 \
    64b7989a3ae4694d5f52c29b222f0930be76b80a1c8c466d071e032a346bab3ad96b43b8318c13e9d6fea2a78f96ca55f85c57240c8505cfcbe60c148b6385b2 \
    dist/tus.min.js LICENSE
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
esac
