# shellcheck shell=bash
# The stack's containers: how they are, and what went wrong with one.
# Uses `compose` (the command), `project` (its name), `composeProcess` (the `up` in the background), `stackStartedAt`
# `olderContainers` (those there were before it), and `role` (standby.sh).
# shellcheck disable=SC2034,SC2154

# "SERVICE|STATE|STATUS|NAME|ID" of each container, running or not.
containers() {
    docker ps --all --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False \
        --format '{{.Label "com.docker.compose.service"}}|{{.State}}|{{.Status}}|{{.Names}}|{{.ID}}'
}

runningServices() {
    containers | awk -F'|' '$2 == "running" { print $1 }'
}

# The id of the container of a service that runs; nothing of one that does not.
runningContainer() { # SERVICE
    containers | awk -F'|' -v service="$1" '$1 == service && $2 == "running" && !found++ { print $5 }'
}

portIsTaken() { # PORT
    if type -P ss >/dev/null; then
        [[ -n $(ss --no-header --listening --tcp --numeric "sport = :$1") ]]
    else
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
    fi
}

hasStandbyService() {
    [[ ,$(setting COMPOSE_PROFILES ''), == *,standby,* ]]
}

# docker-compose 1.29 names what no profile asks for, too.
wantedServices() {
    local services
    services=$("${compose[@]}" config --services) || return
    if [[ -z $(setting CONSOLE_PORT '') ]]; then services=$(sed '/^console$/d' <<<"$services"); fi
    if ! hasStandbyService; then services=$(sed '/^standby$/d' <<<"$services"); fi
    # Until it is promoted.
    if [[ $role == standby ]]; then services=$(printf '%s\n' prepare mysql standby); fi
    printf '%s\n' "$services"
}

# A line for each service as it becomes healthy; the one that prepares the folders comes to its end. Ends with 1 as soon as one is certain not to.
waitUntilHealthy() {
    local -A healthy=()
    local services total deadline list service state status name id composeIsDone=''
    # Whoever asks `if` switches `set -e` off in here: each failure is to be passed on.
    services=$(wantedServices) || return
    total=$(wc --lines <<<"$services")
    deadline=$((SECONDS + ${UP_TIMEOUT:-900}))

    while ((${#healthy[@]} < total)) || [[ -z $composeIsDone ]]; do
        if [[ -z $composeIsDone ]] && ! kill -0 "$composeProcess" 2>/dev/null; then
            wait "$composeProcess" || return 1
            composeIsDone=1
        fi
        list=$(containers) || return
        while IFS='|' read -r service state status name id; do
            # Of a standby the rest may be there, stopped.
            if [[ -z $service || $'\n'$services$'\n' != *$'\n'$service$'\n'* ]]; then continue; fi
            # What was there before is perhaps about to be replaced.
            if [[ -z $composeIsDone && $olderContainers == *"$id"* ]]; then continue; fi
            if [[ $service == prepare && $status == 'Exited (0)'* ]]; then
                healthy[$service]=1
            elif [[ $status == *'(healthy)'* && -z ${healthy[$service]:-} ]]; then
                healthy[$service]=1
                serviceIsHealthy "$service"
            elif [[ $status == *'(unhealthy)'* || $state == exited || $state == dead ]] || restartsAgainAndAgain "$state" "$name"; then
                return 1
            fi
        done <<<"$list"
        if ((SECONDS > deadline)); then return 1; fi
        waitingFor "$services" "${!healthy[@]}"
        sleep 0.3
    done
}

serviceIsHealthy() { # SERVICE
    stepStartedAt=$stackStartedAt
    stepDone "$1 is healthy"
}

waitingFor() { # SERVICES HEALTHY...
    local service missing=''
    [[ -t 1 ]] || return 0
    for service in $1; do
        if [[ " ${*:2} " != *" $service "* ]]; then missing+=" $service"; fi
    done
    if [[ -n $missing ]]; then stepBegins "waiting for$missing, $(secondsSince "$stackStartedAt") s"; fi
}

# Docker waits longer and longer between its attempts, so three of them take a second or two.
restartsAgainAndAgain() { # STATE NAME
    [[ $1 == restarting ]] && (($(docker inspect --format '{{.RestartCount}}' "$2") >= 3))
}

# Ends the program, after saying which service it was, its last lines, and what to do.
explainFailure() { # LOG-OF-COMPOSE
    local service state status name id culprit='' container='' services
    services=$(wantedServices)
    while IFS='|' read -r service state status name id; do
        if [[ $'\n'$services$'\n' != *$'\n'$service$'\n'* ]]; then continue; fi
        if [[ $status != *'(healthy)'* && $state != created && $service:$status != prepare:Exited\ \(0\)* ]]; then
            culprit=$service container=$name
            if [[ $status == *'(unhealthy)'* || $state != running ]]; then break; fi
        fi
    done < <(containers)

    if [[ -t 1 ]]; then printf '\r\e[K'; fi
    if [[ -z $culprit ]]; then
        tail --lines=20 -- "$1" | sed 's/^/  | /' >&2
        giveUp 'the stack could not be started: what Compose says is above'
    fi
    {
        docker logs --tail 25 "$container" 2>&1
        docker inspect --format '{{with .State.Health}}{{range .Log}}{{if .ExitCode}}{{.Output}}{{end}}{{end}}{{end}}' "$container" |
            sed '/^$/d' | tail --lines=3 | sed 's/^/health check: /'
        if ! grep --quiet --ignore-case healthy "$1"; then tail --lines=3 -- "$1"; fi
    } | sed 's/^/  | /' >&2
    giveUp "$culprit does not become healthy: its last lines are above" \
        "All of them: ${compose[*]} logs $culprit" \
        'The other services are left as they are. When the cause is gone, run bin/up again.'
}
