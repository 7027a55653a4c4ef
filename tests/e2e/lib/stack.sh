# shellcheck shell=bash
# The stack under test: a copy of the work tree with a name, ports and data of its own, so that a stack which runs from
# the tree itself is never touched. The functions work within that copy's folder.

readonly services=(mysql redis php apache2 backup scheduler)

# As git sees the tree: with what is not committed yet, without what is ignored (.env, .secrets, data, binaries). Times
# of change are kept, so that cargo knows what it has built already; and what it builds is kept apart from what it builds
# of the tree itself, or it would take the one for the other.
copyTree() { # FROM TO
    mkdir -p -- "$2"
    (
        cd -- "$1" || exit
        sourceFiles '*' | tar --create --file=- --verbatim-files-from --files-from=-
    ) | tar --extract --file=- --directory="$2"
    mkdir -p -- "$repo/target/e2e/cargo"
    ln -sfn -- "$repo/target/e2e/cargo" "$2/target"
}

freePort() { # FROM
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    printf '%s\n' "$port"
}

containers() { # [FILTER...]
    docker ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$@"
}

# Whatever generation of Compose made it, and named it as it does.
container() { # SERVICE
    local id
    id=$(containers --filter "label=com.docker.compose.service=$1")
    if [[ -z $id ]]; then fail "there is no container of $1"; fi
    printf '%s\n' "$id"
}

inspect() { # SERVICE FORMAT
    docker inspect --format "$2" "$(container "$1")"
}

inside() { # SERVICE COMMAND...
    local id
    id=$(container "$1")
    shift
    docker exec --interactive "$id" "$@"
}

# A point in time for logOf, by the clock that Docker marks log lines with.
now() {
    date +%s.%N
}

logOf() { # SERVICE [SINCE]
    docker logs --since "${2:-0}" "$(container "$1")" 2>&1
}

logHas() { # SERVICE SINCE PATTERN
    local log
    log=$(logOf "$1" "$2")
    if [[ ! $log =~ $3 ]]; then
        tail --lines=20 <<<"$log"
        return 1
    fi
}

# As who changes one does: each service that reads it gets it again.
setSecret() { # NAME < CONTENT
    cat >".secrets/$1"
    handOutSecrets
}

handOutSecrets() {
    "${compose[@]}" run --rm --no-deps prepare >/dev/null
}

# Those that nobody has given get a marker as their content, once, so that it can be looked for.
markSecrets() {
    local file marked=''
    for file in .secrets/*; do
        if [[ -s $file ]]; then continue; fi
        printf 'marker-of-%s-%s\n' "${file##*/}" "$EPOCHREALTIME" >"$file"
        printf '%s\n' "$file" >>"$results/marked-secrets"
        marked=1
    done
    if [[ -n $marked ]]; then handOutSecrets; fi
}

unmarkSecrets() {
    local file
    if [[ ! -e $results/marked-secrets ]]; then return; fi
    while read -r file; do : >"$file"; done <"$results/marked-secrets"
    rm -- "$results/marked-secrets"
    handOutSecrets
}

# What those containers said that there are at this moment.
saveLogs() { # FOLDER
    local service id
    mkdir -p -- "$1"
    for service in "${services[@]}"; do
        id=$(containers --filter "label=com.docker.compose.service=$service")
        if [[ -n $id ]]; then docker logs "$id" &>"$1/$service" || true; fi
    done
}

waitForLog() { # SECONDS SERVICE SINCE PATTERN
    waitUntil "$1" "the log of $2 has a line like \"$4\"" logHas "$2" "$3" "$4"
}

isHealthy() { # SERVICE
    local health
    health=$(inspect "$1" '{{.State.Status}}, {{.State.Health.Status}}')
    echo "$health"
    [[ $health == 'running, healthy' ]]
}

hasRestarted() { # SERVICE RESTARTS-BEFORE
    local state
    state=$(inspect "$1" '{{.State.Status}} {{.RestartCount}}')
    echo "$state"
    [[ $state == running\ * && ${state#* } -gt $2 ]]
}

# And until Docker has brought it back: right after the kill it is still called healthy.
killMariaDb() {
    local restarts
    restarts=$(inspect mysql '{{.RestartCount}}')
    inside mysql pkill -KILL -x mariadbd || true
    waitUntil 30 'Docker has started MariaDB again' hasRestarted mysql "$restarts"
    waitUntilHealthy mysql
}

waitUntilHealthy() { # SERVICE...
    local service
    for service; do waitUntil 90 "$service is healthy" isHealthy "$service"; done
}

# Takes everything away that a run of ours has made, or one before it that did not live to do it. The image stays: its
# layers are what makes the next run quick.
removeStack() { # PROJECT [FOLDER]
    local -a ids
    mapfile -t ids < <(docker ps --all --quiet --filter "label=com.docker.compose.project=$1")
    if ((${#ids[@]})); then docker rm --force --volumes -- "${ids[@]}" >/dev/null; fi
    mapfile -t ids < <(docker network ls --quiet --filter "label=com.docker.compose.project=$1")
    if ((${#ids[@]})); then docker network rm "${ids[@]}" >/dev/null; fi
    mapfile -t ids < <(docker volume ls --quiet --filter "label=com.docker.compose.project=$1")
    if ((${#ids[@]})); then docker volume rm "${ids[@]}" >/dev/null; fi
    if [[ -n ${2:-} ]]; then removeFolder "$2"; fi
}

# What containers wrote there belongs to their users: without being root, it takes a container to remove it.
removeFolder() { # FOLDER
    [[ -e $1 ]] || return 0
    if ! rm -rf --one-file-system -- "$1" 2>/dev/null; then
        docker run --rm --network none --volume "$1:/remove" --entrypoint find "$image" /remove -mindepth 1 -delete
        rm -rf --one-file-system -- "$1"
    fi
}
