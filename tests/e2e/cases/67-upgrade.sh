# shellcheck shell=bash
# The version before, with all that it keeps, becomes this one: in the same folder, as by `git pull` and `bin/up`.

# The last commit of `main` in which containers shared one /run and ran as root; UPGRADE_FROM names another one.
readonly versionBefore=${UPGRADE_FROM:-76c4e4ae2f1bd09d030e04430c5b76c3417a4e53}
readonly upgrade=$repo/target/e2e/upgrade

# What cargo makes of it is kept for the next time, apart from all else that it makes.
unpackVersionBefore() {
    local kept=$repo/target/e2e/cargo-upgrade
    removeFolder "$upgrade"
    mkdir -p -- "$upgrade"
    git -C "$repo" archive "$versionBefore" | tar --extract --directory="$upgrade"
    if [[ ! -e $kept ]]; then cp --archive --reflink=auto -- "$repo/target/e2e/cargo" "$kept"; fi
    ln -sfn -- "$kept" "$upgrade/target"
}

# What is kept stays, and what this version has no more goes.
unpackThisVersion() {
    find "$upgrade" -mindepth 1 -maxdepth 1 ! -name data ! -name site ! -name .env ! -name .secrets -exec rm -rf '{}' +
    copyTree "$repo" "$upgrade"
}

bringUp() { # WHAT
    local began=$EPOCHREALTIME
    timeout 1200 bin/up >"$results/upgrade" 2>&1 || fail "bin/up of $1 failed:" "$(tail --lines=40 "$results/upgrade")"
    figure "bin/up of $1" "$(secondsSince "$began") s"
    waitUntil 30 'the site answers' siteIsUp
}

# Asks in the service's own container, as its own user, and waits for the outcome.
carryOut() { # SERVICE ACTION
    inside "$1" lamplighter run "$1" "$2" || fail "$2 of $1 has not succeeded"
}

# The ids of all requests that a service knows and that have ended, with their outcomes.
historyOf() { # SERVICE
    inside "$1" nc -U -N -w 20 "/run/$1-request.sock" <<<'{"op":"history","limit":1000}' |
        jq --raw-output '.runs[] | select(.outcome) | "\(.id) \(.action) \(.outcome)"' | sort
}

filesOf() { # FOLDER
    (cd -- "$1" && find . -type f -exec sha256sum '{}' + | sort)
}

certificate() {
    openssl s_client -connect "localhost:$HTTPS_PORT" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
}

# All lines of what was before are in what is now.
expectKept() { # WHAT BEFORE NOW
    if [[ -z $2 ]]; then fail "$1: there was nothing before"; fi
    expectEqual "$1: what is gone" '' "$(comm -23 <(sort <<<"$2") <(sort <<<"$3"))"
}

fillVersionBefore() {
    fillDatabase
    docker run --rm --network none --volume "$upgrade/site:/site" --entrypoint bash "$image" -euc '
        install --directory --owner=10001 --group=10001 --mode=0750 /site/uploads
        head --bytes=100000 /dev/urandom | install --owner=10001 --group=10001 --mode=0640 /dev/stdin /site/uploads/picture'
    web / >/dev/null
    carryOut mysql nightly-backup
    carryOut backup nightly-backup
    carryOut php task-check
    carryOut redis rotate-logs
    carryOut apache2 check-certificates
}

versionBeforeBecomesThisOne() {
    local service views rows files snapshots fingerprint
    local -A history=()
    if ! git -C "$repo" cat-file -e "$versionBefore^{commit}" 2>/dev/null; then skip "there is no commit $versionBefore here"; fi
    # shellcheck disable=SC2064 # the stack's name as it is now
    trap "removeStack '$COMPOSE_PROJECT_NAME-upgrade' '$upgrade'; docker image rm '$image-upgrade' &>/dev/null || true" EXIT
    # They are free while it is down, too: apart from those that other tests on this machine choose.
    HTTP_PORT=$(freePort 19480)
    HTTPS_PORT=$(freePort "$((HTTP_PORT + 1))")
    export COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME-upgrade
    unpackVersionBefore
    cd -- "$upgrade" || return
    bringUp 'the version before'
    fillVersionBefore

    files=$(filesOf site)
    snapshots=$(snapshotsOf)
    views=$(web '/?format=json' | jq .redis.count)
    rows=$(databaseFacts sql)
    fingerprint=$(certificate)
    for service in mysql redis php apache2 backup; do history[$service]=$(historyOf "$service"); done
    "${compose[@]}" down

    unpackThisVersion
    bringUp 'this version over it'
    # Each view adds one, here and there.
    expectKept 'rows and objects of the database' "$(grep --invert-match visits <<<"$rows")" "$(databaseFacts sql)"
    expectEqual 'the last visit from before' 1 "$(sql "SELECT COUNT(*) FROM forum.visits WHERE id = $(grep --perl-regexp --only-matching '^visits\t\K\d+' <<<"$rows")")"
    expectMatch 'views that the cache has counted' '^true$' "$(web '/?format=json' | jq ".redis.count > $views")"
    expectKept "the site's files" "$(grep uploads <<<"$files")" "$(filesOf site)"
    expectKept 'the snapshots' "$snapshots" "$(snapshotsOf)"
    expectEqual 'the certificate' "$fingerprint" "$(certificate)"
    for service in mysql redis php apache2 backup; do expectKept "the history of $service" "${history[$service]}" "$(historyOf "$service")"; done

    carryOut mysql nightly-backup
    carryOut backup nightly-backup
    carryOut backup restore-drill
    carryOut php task-check
    for service in redis php apache2; do carryOut "$service" rotate-logs; done
    expectKept 'the snapshots, after a backup' "$snapshots" "$(snapshotsOf)"
}

rareCase 'the version before becomes this one with its rows, files, journals, certificate and backups' versionBeforeBecomesThisOne
