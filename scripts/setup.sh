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
case $purpose in
  run) ;;
  test) packages+=(ffmpeg openjdk-17-jdk-headless maven chromium chromium-driver) ;;
  bench) packages+=(ffmpeg openjdk-17-jdk-headless maven python3-venv) ;;
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
  for tool in cc pkg-config cmake clang curl; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  for library in libavcodec libavformat libavfilter libavdevice libswscale libswresample libavutil \
    libcurl openssl zlib; do
    pkg-config --exists "$library" 2>/dev/null || missing+=("$library (library and headers)")
  done
  command -v initdb >/dev/null || command -v pg_config >/dev/null ||
    missing+=("PostgreSQL 15 or newer (server)")
  local more=()
  case $purpose in
    test) more=(ffmpeg java mvn chromium chromedriver) ;;
    bench) more=(ffmpeg java mvn) ;;
  esac
  for tool in "${more[@]}"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
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

# What looks for barriers on the pages, in the browser tests only; exactly this file.
fetch_axe() {
  local version=4.14.1 folder=tests/services/lib/axe-core half
  local sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
  [ ! -f "$folder/axe.min.js" ] || return 0
  say "fetching axe-core $version"
  mkdir -p "$(dirname "$folder")"
  half=$(mktemp --directory --tmpdir="$(dirname "$folder")" fetching-XXXXXX)
  curl --proto '=https' --tlsv1.2 --silent --show-error --fail --output "$half/axe.tgz" \
    "https://registry.npmjs.org/axe-core/-/axe-core-$version.tgz" ||
    stop "axe-core could not be fetched"
  sha512sum --check --status <<<"$sha512  $half/axe.tgz" || stop "axe-core is not what it was"
  tar --extract --gzip --file "$half/axe.tgz" --directory "$half" --strip-components 1 \
    package/axe.min.js package/LICENSE
  rm "$half/axe.tgz"
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

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  install_with_apt
else
  name_what_is_missing
fi
install_rust
case $purpose in
  test) fetch_axe ;;
  bench) fetch_moviepy ;;
esac
