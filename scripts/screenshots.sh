#!/bin/sh
# Takes the screenshots in docs/screenshots: each page on a desktop and a phone, light and dark.
set -eu
cd "$(dirname "$0")/.."
mkdir -p docs/screenshots
SCREENSHOTS="$PWD/docs/screenshots" exec cargo run --quiet -p test-services -- run \
    cargo test --quiet -p anb --test e2e -- --ignored take_screenshots_of_every_page
