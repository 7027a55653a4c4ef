# shellcheck shell=bash
# Networks: from php and scheduler there is no way out, and from outside none in but Apache's. Knocked is at listeners of the
# test's own alone: a container on a network that the test has made, and this machine's addresses on it and on the stack's.

readonly knockPort=18999
readonly listener=$COMPOSE_PROJECT_NAME-listener
# Not of a function: what is told at the end of a case to take them away knows of none of its own.
hostListeners=()

# Says a word to each who connects.
startListeners() {
    local address
    docker network create --ipv6 --subnet fd7a:6c61:6d70::/64 --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$listener" >/dev/null
    docker run --detach --rm --name "$listener" --network "$listener" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --entrypoint sh "$image" -c "(while :; do echo reached | nc -6 -l -N $knockPort; done) & while :; do echo reached | nc -4 -l -N $knockPort; done" >/dev/null
    for address in $(hostAddresses); do
        while :; do echo reached | nc -l -N "$address" "$knockPort"; done {lock}>&- &
        hostListeners+=("$!")
        disown
    done
}

endListeners() {
    local process
    for process in "${hostListeners[@]}"; do
        # The shell first, or it would start the next one.
        kill -STOP "$process"
        pkill -P "$process" || true
        kill -KILL "$process"
    done
    docker rm --force "$listener" &>/dev/null || true
    docker network rm "$listener" &>/dev/null || true
}

# This machine's, on the network of the listener and on those of the stack.
hostAddresses() {
    local network
    for network in $(docker network ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"); do
        docker network inspect --format '{{range .IPAM.Config}}{{.Gateway}} {{end}}' "$network"
    done
}

knockAtAddresses() { # PORT ADDRESS...
    local address port=$1
    for address in "${@:2}"; do
        # shellcheck disable=SC2016 # the other bash
        if [[ $(timeout 3 bash -c 'cat <"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null) == reached ]]; then
            printf '%s was reached by uid %s\n' "$address" "$(id --user)"
        fi
    done
}

listenerIsReached() { # ADDRESS
    docker run --rm --network "$listener" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" --entrypoint bash "$image" \
        -c "$(declare -f knockAtAddresses); knockAtAddresses $knockPort $1" | grep reached
}

# By IPv4 and IPv6: the container's and this machine's.
listeningAddresses() {
    docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}' "$listener" | tr ' ' '\n'
    hostAddresses | tr ' ' '\n' | sed '/^$/d'
}

nobodyGetsOut() { # SERVICE USERS
    local address
    local -a addresses
    trap endListeners EXIT
    startListeners
    mapfile -t addresses < <(listeningAddresses)
    expectMatch 'whom there is to knock at' '[0-9]\.[0-9].*:[0-9a-f]' "${addresses[*]}"
    # Who may connect does reach the container, and this machine.
    for address in "${addresses[@]}"; do waitUntil 20 "the listener at $address answers" listenerIsReached "$address"; done
    expectNothing "whom $2 of $1 reached" "$(attackAs "$1" "$2" knockAtAddresses "$knockPort" "${addresses[@]}")"
}

# The switch opens what it says: php is on that network then, and on no other.
networkIsGiven() {
    local address found
    local -a addresses
    trap 'unset SITE_NETWORK; "${compose[@]}" up --detach --no-build --no-deps php; endListeners; waitUntilHealthy php' EXIT
    startListeners
    mapfile -t addresses < <(listeningAddresses)
    export SITE_NETWORK=$listener
    "${compose[@]}" up --detach --no-build --no-deps php
    waitUntilHealthy php
    for address in "${addresses[@]:0:2}"; do
        found=$(attack php "$application" knockAtAddresses "$knockPort" "$address")
        expectEqual "what the application reaches" "$address was reached by uid 10001" "$found"
    done
    # shellcheck disable=SC2016 # Docker's template
    expectEqual 'the networks of php' "$listener" "$(inspect php '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' | sed 's/ $//')"
}

# All that leads anywhere but to itself, in every table; and rules that choose others.
listRoutes() {
    ip -o route show table all
    ip -o -6 route show table all
    ip rule
    ip -6 rule
}

nothingLeadsOut() { # SERVICE
    local routes
    routes=$(attack "$1" '' listRoutes)
    # Where there is a network, the routes are told.
    expectMatch 'the routes of apache2' 'dev eth' "$(attack apache2 '' listRoutes)"
    expectNothing "routes and rules of $1" "$(sed --regexp-extended \
        '/ dev lo( |$)/d; /^(local|broadcast|anycast|multicast|unreachable|blackhole|prohibit) /d; /^[0-9]+:\s+from all lookup (local|main|default)\s*$/d; /^$/d' <<<"$routes")"
}

# Docker's own resolver, which would ask others in turn; for a name of the stack.
askResolver() {
    perl -MIO::Socket::INET -e '
        my $socket = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.11", PeerPort => 53) or exit;
        $SIG{ALRM} = sub { exit };
        alarm 3;
        $socket->send(pack("n6", 4711, 0x100, 1, 0, 0, 0) . pack("C/a*", "apache2") . pack("Cnn", 0, 1, 1)) or exit;
        $socket->recv(my $answer, 512);
        print "a resolver answers with ", length $answer, " bytes\n" if length $answer'
}

nobodyResolvesNames() { # SERVICE USER
    expectMatch 'what apache2 is answered' 'a resolver answers' "$(attack apache2 '' askResolver)"
    expectNothing "what $1 is answered" "$(attack "$1" "$2" askResolver)"
}

# "SERVICE PORT" of all that this machine passes on.
onlyApacheIsOpen() {
    local service ports=''
    for service in "${services[@]}"; do
        ports+=$(docker inspect "$(container "$service")" | jq --raw-output --arg service "$service" \
            '.[].NetworkSettings.Ports | to_entries[] | select(.value) | "\($service) \(.key);"')
    done
    expectEqual 'what is published' 'apache2 443/tcp; apache2 80/tcp; ' "$(tr ' \n' ' ' <<<"${ports//;apache2/; apache2}" | sed 's/;$/; /')"
}

testCase 'attack: the application reaches no address from php' nobodyGetsOut php "$application"
testCase 'attack: root of php reaches no address' nobodyGetsOut php 0
testCase 'attack: who has taken scheduler over reaches no address' nobodyGetsOut scheduler "903 ${anybody[*]}"
testCase 'the network that SITE_NETWORK names is the one that php has' networkIsGiven
testCase 'no route and no rule of php leads out' nothingLeadsOut php
testCase 'no route and no rule of scheduler leads out' nothingLeadsOut scheduler
testCase 'attack: no name is resolved for the application, by which data could leave' nobodyResolvesNames php "$application"
testCase 'attack: no name is resolved for the scheduler' nobodyResolvesNames scheduler ''
testCase 'from outside there is no way in but to HTTP and HTTPS of apache2' onlyApacheIsOpen
