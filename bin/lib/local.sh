# shellcheck shell=bash
# The settings of the stack's owner, in `local`: read last by each daemon, no part of the repository. What a daemon would not
# start with is found before anything is changed.
# Uses `compose` (the command) and `project` (the stack's name).
# shellcheck disable=SC2034,SC2154

# FOLDER:ENDING:SERVICE
localFolders=(php.d:ini:php php-fpm.d:conf:php apache2.d:conf:apache2 mariadb.d:cnf:mysql redis.d:conf:redis schedule.d:cron:scheduler)
# Whose callbacks and policy the owner may add to (local/service/NAME), and prepare, which makes folders for services of the
# owner's.
localServices=(mysql redis php apache2 backup console prepare)
# What target-sbin/check-local ends with.
readonly faultOfLocal=10 faultOfStack=11
# What was checked last without a fault: SERVICE SUM.
localChecked=local/.checked

# Docker would make those that are missing as root's.
makeLocal() {
    local entry service
    for entry in "${localFolders[@]}"; do mkdir -p -- "local/${entry%%:*}"; done
    for service in "${localServices[@]}"; do mkdir -p -- "local/service/$service"; done
}

# The services whose daemon has something added to its configuration, each once.
daemonsWithLocal() {
    local entry folder ending service
    for entry in "${localFolders[@]}"; do
        IFS=: read -r folder ending service <<<"$entry"
        if [[ $service == scheduler ]]; then continue; fi
        if compgen -G "local/$folder/*.$ending" >/dev/null; then printf '%s\n' "$service"; fi
    done | sort --unique
}

# By the daemons themselves, each in a container beside the one that runs, all at once. Sets `localFaults` to what is wrong,
# FILE:LINE: TEXT for each service that something is wrong with, and `localUnchecked` to what could not be checked, and why.
askDaemons() { # SERVICE...
    local folder service status
    local -A processes=()
    localFaults='' localUnchecked=''
    folder=$(mktemp --directory "${TMPDIR:-/tmp}/lamplighter-local.XXXXXX")
    for service; do
        "${compose[@]}" run --rm --no-deps -T --entrypoint /usr/local/sbin/check-local "$service" \
            >"$folder/$service" 2>"$folder/$service.said" </dev/null &
        processes[$service]=$!
    done
    for service; do
        status=0
        wait "${processes[$service]}" || status=$?
        # Any other status is of a check that came to no end, and so is one of these without a word.
        if ((status == faultOfLocal || status == faultOfStack)) && [[ -s $folder/$service ]]; then
            localFaults+=$(<"$folder/$service")$'\n'
        elif ((status)); then
            localUnchecked+="what is in local for $service cannot be checked (status $status): $(grep --invert-match '^$' "$folder/$service.said" |
                tail --lines=3 | paste --serial --delimiters=' ' || true)"$'\n'
        fi
    done
    rm -rf -- "$folder"
    localFaults=${localFaults%$'\n'} localUnchecked=${localUnchecked%$'\n'}
}

# What the outcome of a check depends on: the files, the settings, and the image.
localSum() { # SERVICE
    local entry folder ending service name
    local -a folders=("service/$1" target-sbin/lib target-sbin/check-local)
    for entry in "${localFolders[@]}"; do
        IFS=: read -r folder ending service <<<"$entry"
        if [[ $service == "$1" ]]; then folders+=("local/$folder"); fi
    done
    {
        find -L "${folders[@]}" -type f -print0 | sort --zero-terminated | xargs --null sha256sum --
        cat -- docker-compose.yaml
        for name in docker-compose.override.y*ml; do if [[ -f $name ]]; then cat -- "$name"; fi; done
        while IFS= read -r name; do
            printf '%s=%s\n' "$name" "${!name-${settings[$name]:-}}"
        done < <(grep --only-matching --perl-regexp '\$\{\K[A-Z_0-9]+' docker-compose.yaml | sort --unique)
        docker image inspect --format '{{.Id}}' "lamplighter:$project"
    } | sha256sum | cut --delimiter=' ' --fields=1
}

# What has been checked as it is now, with what was found good before, is not asked again.
checkLocal() {
    local service sum
    local -a services=() unchecked=()
    local -A sums=()
    mapfile -t services < <(daemonsWithLocal)
    checkOwnFiles
    if ((${#services[@]} == 0)); then return; fi
    for service in "${services[@]}"; do
        sum=$(localSum "$service")
        sums[$service]=$sum
        if ! grep --quiet --line-regexp --fixed-strings -- "$service $sum" "$localChecked" 2>/dev/null; then unchecked+=("$service"); fi
    done
    if ((${#unchecked[@]} == 0)); then return; fi
    stepBegins 'checking what is in local'
    if ! areRunning "${unchecked[@]}"; then quietly 'preparing the folders' "${compose[@]}" run --rm --no-deps -T prepare; fi
    askDaemons "${unchecked[@]}"
    if [[ -n $localUnchecked ]]; then
        giveUp "$localUnchecked" 'Nothing has been changed: the stack is as it was. When the cause is gone, run bin/up again.'
    fi
    refuseFaults "$localFaults"
    for service in "${services[@]}"; do printf '%s %s\n' "$service" "${sums[$service]}"; done >"$localChecked.new"
    chmod 0644 "$localChecked.new"
    mv -- "$localChecked.new" "$localChecked"
    stepDone "local: ${unchecked[*]}"
}

# The folders of those that run have been prepared.
areRunning() { # SERVICE...
    [[ -z $(comm -23 <(printf '%s\n' "$@" | sort) <(runningServices | sort)) ]]
}

# What we read ourselves: entries of the schedule, callbacks and policies.
checkOwnFiles() {
    local said status=0
    if [[ -z $(find local/schedule.d local/service -not -type d -print -quit) ]]; then return; fi
    said=$(target-sbin/lamplighter check --without-daemons . 2>&1) || status=$?
    if ((status > 1)); then giveUp "what is in local cannot be checked: $said" 'Nothing has been changed: the stack is as it was.'; fi
    refuseFaults "$(grep '^local/' <<<"$said" | grep --invert-match ': warning: ' || true)"
}

refuseFaults() { # FAULTS
    if [[ -z $1 ]]; then return; fi
    giveUp "$1" 'Nothing has been changed: the stack is as it was. Correct the file, and run bin/up again.'
}

# Those whose container began before their settings were changed the last time.
servicesWithNewLocal() {
    local entry folder ending service id began
    for entry in "${localFolders[@]}"; do
        IFS=: read -r folder ending service <<<"$entry"
        # The scheduler watches its own.
        if [[ $service == scheduler ]]; then continue; fi
        id=$(runningContainer "$service")
        if [[ -z $id ]]; then continue; fi
        began=$(docker inspect --format '{{.State.StartedAt}}' "$id")
        if [[ -n $(find "local/$folder" -newerct "$began" -print -quit) ]]; then printf '%s\n' "$service"; fi
    done | sort --unique
}
