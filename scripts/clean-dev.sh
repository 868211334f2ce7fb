#!/usr/bin/env bash
# Deletes the data of `anb dev`: its database, its media and its keys. Refuses while it is in use.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${1:?usage: scripts/clean-dev.sh DATA_DIR}
[ -e "$data" ] || exit 0
# `anb dev` keeps this file locked as long as it runs. Anything else is not its folder.
[ -f "$data/lock" ] || { echo "clean-dev: $data was not made by anb dev" >&2; exit 1; }
if ! flock --nonblock "$data/lock" true; then
  echo "clean-dev: anb dev is running on $data: stop it first" >&2
  exit 1
fi
rm -rf -- "$data"
