# shellcheck shell=bash
# The repository of backups, looked at and damaged from outside, and a `backup` service of the test's own.

inRepository() { # RESTIC'S ARGUMENT...
    inside backup repository "$@"
}

# Those of one kind, or all, by their short ids in the order of time.
snapshotsOf() { # [TAG]
    inRepository snapshots --json ${1:+--tag "$1"} | jq --raw-output 'sort_by(.time)[].short_id'
}

newestOf() { # TAG
    inRepository newest "$1"
}

# What a snapshot of the database says that it holds, line by line.
factsIn() { # SNAPSHOT
    inRepository dump "$1" /database.sql | perl target-sbin/lib/dump-facts.pl
}

# The repository is root's; where we are not root, a container's root does it.
onBackups() { # COMMAND... (in /var/backups/repository)
    inside backup sh -euc 'cd /var/backups/repository && exec "$@"' sh "$@"
}

# A service `backup` with a small disk and a site of its own, apart from the stack. Its container is called $lonely, and
# lonelyMode is how the site is mounted (ro).
startLonelyBackup() { # SITE SIZE-OF-THE-DISK [DOCKER'S OPTION...]
    local site=$1 size=$2
    shift 2
    docker run --detach --rm --name "$lonely" --hostname backup --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --tmpfs "/var/backups:size=$size" --volume /proc/1/mountinfo:/usr/local/host-mounts:ro \
        --volume "$PWD/target-sbin:/usr/local/sbin:ro" --volume "$PWD/service/backup/bin:/usr/local/bin:ro" \
        --volume "$PWD/service/backup/conf:/usr/local/conf:ro" \
        --volume "$PWD/.secrets/backup-password:/run/secrets/backup-password:ro" \
        --volume "$site:/var/www/site:${lonelyMode:-ro}" "$@" "$image" >/dev/null
    waitUntil 30 'the service answers' docker exec "$lonely" sh -c 'echo "{\"op\":\"ping\"}" | nc -U -N -w 5 /run/backup-request.sock | grep ok'
}

# Its outcome; what it printed is in $results/output.
lonelyOutcome() { # ACTION
    local lines id
    lines=$(docker exec "$lonely" sh -c "echo '{\"op\":\"run\",\"user\":\"root\",\"action\":\"$1\",\"tell\":\"outcome\"}' | nc -U -N -w 300 /run/backup-request.sock")
    id=$(jq --raw-output 'select(.ok) | .id' <<<"$lines")
    docker exec "$lonely" sh -c "echo '{\"op\":\"show\",\"id\":\"$id\"}' | nc -U -N -w 20 /run/backup-request.sock" |
        jq --raw-output .output >"$results/output"
    cat -- "$results/output" >&2
    jq --raw-output 'select(.event == "ended") | .outcome' <<<"$lines"
}

# A fact that it tells, as JSON.
lonelyFact() { # ABOUT
    docker exec "$lonely" sh -c "echo '{\"op\":\"status\"}' | nc -U -N -w 20 /run/backup-request.sock" |
        jq --compact-output --arg about "$1" '.facts[$about]'
}

endLonelyBackup() {
    docker rm --force "$lonely" &>/dev/null || true
}
