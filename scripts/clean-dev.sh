#!/usr/bin/env bash
# Deletes the data of `anb dev`: its database, its media and its keys. Stops if `anb dev` is running.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${1:?usage: scripts/clean-dev.sh DATA_DIR}
[ -e "$data" ] || exit 0
# `anb dev` creates this file and locks it while it runs.
[ -f "$data/lock" ] || { echo "clean-dev: $data is not a folder of anb dev" >&2; exit 1; }
if ! flock --nonblock "$data/lock" true; then
  echo "clean-dev: anb dev is running on $data: stop it first" >&2
  exit 1
fi
rm -rf -- "$data"
