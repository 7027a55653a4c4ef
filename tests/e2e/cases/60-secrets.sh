# shellcheck shell=bash
# After all that has happened: no secret where others could read it.

secretsAreNowhere() {
    local secret service
    trap unmarkSecrets EXIT
    markSecrets
    # They are without a newline.
    for secret in .secrets/*; do printf '%s\n' "$(<"$secret")"; done >"$results/secrets"
    expectEqual 'the secrets that are looked for' "$(find .secrets -type f | wc --lines)" "$(grep --count . "$results/secrets")"
    for service in "${services[@]}"; do
        docker inspect "$(container "$service")" >"$results/$service.inspect"
        logOf "$service" >"$results/$service.log"
        inside "$service" sh -c 'cat /proc/[0-9]*/cmdline' | tr '\0' ' ' >"$results/$service.ps"
    done
    docker history --no-trunc "$image" >"$results/image.history"
    docker image inspect "$image" >"$results/image.inspect"
    "${compose[@]}" config >"$results/compose.config"
    ps -eww -o args >"$results/host.ps"
    # What is looked for is among what is looked at.
    cp -- .secrets/backup-password "$results/control"
    expectEqual 'files with the secret' "$results/control" \
        "$(grep --files-with-matches --fixed-strings --file="$results/secrets" "$results"/control "$results"/*.{inspect,log,ps,history,config})"
    expectEqual 'files of the site with the secret' '' "$(grep --files-with-matches --fixed-strings --file="$results/secrets" --recursive site || true)"
    rm -f -- "$results/control" "$results/secrets"
}

# The application's user has a copy of its own. Of the file that Docker mounts, the name is all that others see.
othersCannotReadThem() {
    expectEqual 'what Apache sees of secrets' '' "$(inside apache2 sh -c 'cat /run/secrets/* /dev/shm/secrets/* 2>/dev/null')"
    inside php setpriv --reuid=www-data --regid=www-data --clear-groups sh -c '! cat /run/secrets/* /dev/shm/secrets/* 2>/dev/null' ||
        fail 'another user of the php container reads a secret'
}

# "MODE FOLDER-OR-FILE" of whatever others than its own user could read or enter.
stateIsPrivate() {
    local found
    found=$(docker run --rm --network none --volume "$data/lamplighter:/state:ro" --entrypoint find "$image" /state -mindepth 1 \
        '(' -type f ! -perm 0600 ! -name 'docker-callbacks.last-good*.sh' -o -type d ! -perm 0700 -o ! -type f ! -type d ')' -printf '%m %P\n' | sort)
    # The copy of callbacks has the mode of those that it is of: there is no secret in them. MariaDB's user passes through
    # the folder of backup to the one that the drill has for him; callbacks that run as other users through the one of php, to
    # that copy.
    expectEqual 'what others could read' $'711 backup\n711 php' "$found"
    expectMatch 'what there is' 'php/journal\.jsonl' "$(docker run --rm --network none --volume "$data/lamplighter:/state:ro" --entrypoint find "$image" /state -type f)"
}

testCase 'journals, state and what callbacks keep are for their own user alone' stateIsPrivate
testCase 'no secret is in image history, inspect, logs, process lists or the resolved compose file' secretsAreNowhere
testCase 'secrets are read only by whom they are for' othersCannotReadThem
