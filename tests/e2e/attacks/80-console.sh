# shellcheck shell=bash
# The web console: nobody but this machine reaches it, and who has taken it over gets what its user may ask for, no more.

# A line for each place where somebody answers as the console does. All at once: who does not answer takes his time.
findConsole() { # ADDRESS/PORT...
    local place
    for place; do findConsoleAt "${place%/*}" "${place#*/}" & done
    wait
}

findConsoleAt() { # ADDRESS PORT
    local answer
    # shellcheck disable=SC2016 # the other bash
    answer=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" >&3 && cat <&3' "$1" "$2" 2>/dev/null) || true
    if [[ $answer == *healthy* ]]; then printf 'the console answers uid %s at %s port %s\n' "$(id --user)" "$1" "$2"; fi
}

# Whatever there is of who may log in, wherever it lies.
findUsers() {
    find / '(' -path /proc -o -path /sys ')' -prune -o -name users.json -print 2>/dev/null
}

nobodyReachesConsole() { # SERVICE USERS
    local own address
    local -a places=()
    needConsole
    logIn
    own=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(container console)")
    # Each at both ports: the one within its container, and the one of this machine.
    while read -r address; do places+=("$address/8090" "$address/$consolePort"); done < <(
        printf '%s\n' 127.0.0.1 "$own"
        hostAddresses | tr ' ' '\n' | sed '/^$/d'
    )
    # Those that may reach it do: its own container, and this machine.
    expectMatch 'what the console answers itself' 'the console answers' "$(attack console '' findConsole 127.0.0.1/8090)"
    expectMatch 'what it answers this machine' 'the console answers' "$(findConsole "127.0.0.1/$consolePort")"
    expectMatch 'what it answers this machine at its own address' 'the console answers' "$(findConsole "$own/8090")"
    expectEqual 'what it sees of its users' /var/lib/console/users.json "$(attack console '' findUsers)"
    expectNothing "where $2 of $1 reaches the console" "$(attackAs "$1" "$2" findConsole "${places[@]}")"
    expectNothing "what $2 of $1 is answered at its socket" "$(attackAs "$1" "$2" askForHousekeeping console)"
    expectNothing "what $2 of $1 sees of who may log in" "$(attackAs "$1" "$2" findUsers)"
}

# "SERVICE ACTION" of all that the schedule does not name, and one of each service for a user whom it does not name.
readonly unscheduled=('mysql upgrade-tables root' 'mysql health-check root' 'redis rotate-logs forum' 'backup nightly-backup 905'
    'php rotate-logs 0' 'apache2 rotate-logs 905' 'console health-check root')

# Of each service itself, and by way of the scheduler; a line for each that takes it.
askForRuns() { # "SERVICE ACTION USER"...
    local service action user path answer line
    local -a lines
    while read -r service action user; do
        lines=("$user $action" "{\"op\":\"run\",\"user\":\"$user\",\"action\":\"$action\",\"operator\":\"anna\"}"
            "{\"op\":\"run\",\"user\":\"$user\",\"action\":\"$action\",\"id\":\"forged\"}"
            "{\"op\":\"run\",\"service\":\"$service\",\"user\":\"$user\",\"action\":\"$action\",\"operator\":\"anna\"}")
        for path in "/run/requests/$service/request.sock" /run/requests/scheduler/request.sock; do
            for line in "${lines[@]}"; do
                answer=$(knock "$path" "$line" 2>/dev/null) || true
                if [[ $answer == accepted* || $answer == *'"ok":true'* ]]; then printf '%s, asked %s: %s\n' "$path" "$line" "$answer"; fi
            done
        done
    done < <(printf '%s\n' "$@")
    answer=$(knock /run/requests/scheduler/request.sock '{"op":"reload"}') || true
    if [[ $answer == *'"ok":true'* ]]; then printf 'the scheduler reloads: %s\n' "$answer"; fi
}

readHistory() { # SERVICE
    knock "/run/requests/$1/request.sock" '{"op":"history","limit":1}'
}

# What is scheduled, too, it has to ask the scheduler for.
askDirectly() {
    local answer
    answer=$(knock /run/requests/redis/request.sock 'root rotate-logs') || true
    if [[ $answer == accepted* ]]; then printf '%s\n' "$answer"; fi
}

consoleHasNothingElseRun() {
    needConsole
    # It reaches them: what it may, it is answered.
    expectMatch 'what it may read of mysql' '"ok":true' "$(attack console '' readHistory mysql)"
    # Its own service alone trusts it with all: that has no action but the check of health, which is the supervisor's.
    expectNothing 'what was accepted' "$(attack console '' askForRuns "${unscheduled[@]}")"
    expectNothing 'what redis accepts directly' "$(attack console '' askDirectly)"
}

findSite() {
    find / '(' -path /proc -o -path /sys -o -path /usr ')' -prune -o '(' -path '*/www/site/*' -o -name '*.ibd' -o -name 'dump.rdb' -o -name journal.jsonl ')' -print 2>/dev/null
}

consoleFindsNoData() {
    needConsole
    expectMatch 'what php finds' /var/www/site/index.php "$(attack php 0 findSite)"
    expectEqual 'what it finds but its own journal' /var/lib/lamplighter/journal.jsonl "$(attack console '' findSite)"
}

# Nor does it give anybody a right to log in, or stand in for a service.
writeUsers() {
    local file=/var/lib/console/users.json
    if echo '{"users":[]}' >"$file.new" || echo '{"users":[]}' >>"$file" || mv --no-target-directory "$file" "$file.away" || chmod 0666 "$file"; then
        echo "who may log in was changed"
    fi 2>/dev/null
}

consoleChangesNobodysRights() {
    local service
    local -a rest
    needConsole
    logIn
    trap 'attack console "" putBack "${services[@]}"' EXIT
    expectNothing 'what it did to its users' "$(attack console '' writeUsers)"
    expectEqual 'who may log in' anna "$(consoleUser list)"
    mapfile -t rest < <(others console)
    # What it has of them in its own /run are links of its own.
    attack console '' standIn "${rest[@]}"
    expectNothing 'which locks it opens' "$(attack console '' openLocks "${rest[@]}")"
    for service in "${rest[@]}"; do expectMatch "who answers for $service" "\"service\":\"$service\"" "$(pingAnswer "$service")"; done
}

# What listens on another network of Docker's. This machine itself is reached: docs/SECURITY.md says so.
consoleReachesNoContainer() {
    local own
    needConsole
    trap endListeners EXIT
    startListeners
    own=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$listener")
    waitUntil 20 "the listener at $own answers" listenerIsReached "$own"
    expectNothing 'what it reaches' "$(attack console '' knockAtAddresses "$knockPort" "$own")"
    expectNothing 'where it reaches Apache' "$(attack console '' findApache "$(inspect apache2 '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')")"
}

findApache() { # ADDRESS
    # shellcheck disable=SC2016 # the other bash
    if timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/80"' "$1" 2>/dev/null; then printf '%s was reached\n' "$1"; fi
}

testCase 'attack: root of php reaches neither the web console nor who may log in to it, whoever it becomes' nobodyReachesConsole php anybody
testCase 'attack: who has taken apache2 over reaches neither the web console nor who may log in to it' nobodyReachesConsole apache2 www-data,0
testCase 'attack: who has taken the web console over has nothing run that the schedule does not name' consoleHasNothingElseRun
testCase 'attack: who has taken the web console over finds no secret' nobodyFindsSecrets console console
unmarkSecrets 2>>"$results/attackers-errors"
testCase 'attack: who has taken the web console over finds no backup' nobodyFindsBackups console console
testCase "attack: who has taken the web console over finds neither the site nor others' data" consoleFindsNoData
testCase 'attack: who has taken the web console over lets nobody in and stands in for no service' consoleChangesNobodysRights
testCase 'attack: who has taken the web console over reaches no other container' consoleReachesNoContainer
