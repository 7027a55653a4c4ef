# shellcheck shell=bash
# After all that has happened: no secret where others could read it.

secretsAreNowhere() {
    local secret service
    secret=$(<.secrets/redis-password)
    # They are without a newline.
    printf '%s\n' "$(<.secrets/redis-password)" "$(<.secrets/backup-password)" >"$results/secrets"
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
    rm -f -- "$results/control" "$results/secrets"
    expectNoMatch 'the files that are served' "$secret" "$(cat site/*.php)"
}

# The application's user has a copy of its own. Of the file that Docker mounts, the name is all that others see.
othersCannotReadThem() {
    expectEqual 'what Apache sees of secrets' '' "$(inside apache2 sh -c 'cat /run/secrets/* /dev/shm/secrets/* 2>/dev/null')"
    inside php setpriv --reuid=www-data --regid=www-data --clear-groups sh -c '! cat /run/secrets/* /dev/shm/secrets/* 2>/dev/null' ||
        fail 'another user of the php container reads a secret'
}

testCase 'no secret is in image history, inspect, logs, process lists or the resolved compose file' secretsAreNowhere
testCase 'secrets are read only by whom they are for' othersCannotReadThem
