#!/bin/sh
# Takes a backup of a running installation: scripts/backup.sh FOLDER
#
# The settings are those of `anb serve`, from the environment. ANB names the binary. The order matters: see
# docs/backup.md.
set -eu

folder=${1:?usage: scripts/backup.sh FOLDER}
anb=${ANB:-anb}
mkdir -p -- "$folder"

# The log first: whatever it names exists already, and is still there when the next steps copy it.
"$anb" log export "$folder/log.jsonl"

# In one snapshot, so that names and the key of the pseudonyms belong together.
pg_dump --format=custom --data-only --table=personal_data --table=secrets \
    --file="$folder/people.dump" "$DATABASE_URL"

case ${STORAGE_BACKEND:-local} in
s3)
    aws s3 sync "s3://$AWS_S3_BUCKET_NAME" "$folder/objects"
    ;;
local)
    objects=${MEDIA_ROOT:-${DATA_DIR:-.anb}/media}/objects
    mkdir -p -- "$objects" "$folder/objects"
    # A file that is deleted meanwhile fails the first run. The second run copies the rest.
    cp -a -u -- "$objects/." "$folder/objects/" || cp -a -u -- "$objects/." "$folder/objects/"
    ;;
esac

# Last, so that it is the newest. Keep it apart from the backups, and keep only the newest one.
"$anb" erasures list >"$folder/erasures.jsonl"
