#!/bin/sh
# Restores a backup into an empty database, log and object storage: scripts/restore.sh FOLDER [ERASURES]
#
# ERASURES is the newest list of `anb erasures list`. The one in the backup is used without it. The settings
# are those of `anb serve`, from the environment. ANB names the binary. See docs/backup.md.
set -eu

folder=${1:?usage: scripts/restore.sh FOLDER [ERASURES]}
erasures=${2:-$folder/erasures.jsonl}
anb=${ANB:-anb}

"$anb" migrate
"$anb" log import "$folder/log.jsonl"
pg_restore --data-only --single-transaction --exit-on-error --dbname="$DATABASE_URL" \
    "$folder/people.dump"

case ${STORAGE_BACKEND:-local} in
s3)
    aws s3 sync "$folder/objects" "s3://$AWS_S3_BUCKET_NAME"
    ;;
local)
    objects=${MEDIA_ROOT:-${DATA_DIR:-.anb}/media}/objects
    mkdir -p -- "$objects"
    cp -a -- "$folder/objects/." "$objects/"
    ;;
esac

# Before any server starts: nobody who was erased since the backup comes back.
"$anb" erasures apply "$erasures"
