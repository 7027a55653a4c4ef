# shellcheck shell=bash
# Request sockets: who has taken a container over can ask no other service for anything, nor stand in for it.

# Whatever answers has been reached. Everything asked for is harmless.
askForHousekeeping() { # SERVICE...
    local service path line answer
    for service; do
        while read -r path; do
            for line in 'root check-disk' 'root rotate-logs' "$(id --user) check-disk" '{"op":"ping"}' '{"op":"history","limit":1}' \
                '{"op":"run","user":"root","action":"check-disk","id":"forged"}' \
                '{"op":"run","user":"forum","action":"rotate-logs","id":"forged-too"}' '{"op":"cancel","id":"forged"}'; do
                answer=$(knock "$path" "$line" 2>/dev/null) || true
                if [[ -n $answer ]]; then printf '%s (uid %s), asked %s: %s\n' "$path" "$(id --user)" "$line" "${answer:0:100}"; fi
            done
        done < <(socketsOf "$service")
    done
}

# Whatever socket there is, wherever it lies: who answers there as a service.
askEverySocket() {
    local path answer
    while IFS= read -r -d '' path; do
        answer=$(knock "$path" '{"op":"ping"}' 2>/dev/null | head --bytes=1000 | tr --delete '\0') || true
        if [[ $answer == *'"service":"'* ]]; then printf '%s (uid %s): %s\n' "$path" "$(id --user)" "${answer:0:100}"; fi
    done < <(find / '(' -path /proc -o -path /sys ')' -prune -o -type s -print0 2>/dev/null)
}

# The same questions are answered where they may be asked.
askingIsPossible() { # SERVICE
    expectMatch "what $1 answers itself" '"ok":true' "$(attack "$1" '' askForHousekeeping "$1")"
    expectMatch "who answers at the sockets of $1" "\"service\":\"$1\"" "$(attack "$1" '' askEverySocket)"
}

nobodyIsAsked() { # SERVICE USERS
    local -a rest
    mapfile -t rest < <(others "$1")
    askingIsPossible "$1"
    expectNothing "what $2 in $1 has been answered" "$(attackAs "$1" "$2" askForHousekeeping "${rest[@]}")"
    expectNothing "who else answers at the sockets of $1" "$(attackAs "$1" "$2" askEverySocket | grep --invert-match "\"service\":\"$1\"")"
}

applicationAsksNotEvenPhp() {
    expectNothing "what $application in php has been answered" "$(attack php "$application" askForHousekeeping php)"
}

moveAway() { # SERVICE...
    local service path
    for service; do
        while read -r path; do
            if mv --no-target-directory -- "$path" "$path.away"; then printf '%s is away\n' "$path"; fi
        done < <(socketsOf "$service")
    done
}

# In the place of what is away, and for a while.
standIn() { # SERVICE...
    local service path
    moveAway "$@"
    for service; do
        while read -r path; do
            perl -MIO::Socket::UNIX -e '
                my $socket = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 9) or exit;
                chmod 0666, $ARGV[0];
                print "$ARGV[0] is mine\n";
                exit if fork;
                close STDOUT;
                # Of those who ask, such as the scheduler, some do not wait for an answer.
                $SIG{PIPE} = "IGNORE";
                alarm 60;
                while (my $client = $socket->accept) { <$client>; print $client qq({"ok":true,"service":"an impostor"}\n) }' "$path"
        done < <(socketsOf "$service")
    done
}

putBack() { # SERVICE...
    local service path
    for service; do
        while read -r path; do
            if [[ -e $path.away || -L $path.away ]]; then mv --force --no-target-directory -- "$path.away" "$path"; fi
        done < <(socketsOf "$service")
    done
}

# Where the folder of a socket is one's own, it works: in a service's own container.
standingInIsPossible() { # SERVICE
    local answer
    expectMatch "what $1 can do with its own socket" 'is mine' "$(attack "$1" '' standIn "$1")"
    answer=$(pingAnswer "$1")
    attack "$1" '' putBack "$1"
    expectMatch "who answered in the place of $1" 'an impostor' "$answer"
    waitUntil 20 "$1 answers itself" isItself "$1"
}

# Removed, or with somebody else in their place: what others find there is the service all the same.
nobodyStandsIn() { # SERVICE USERS
    local service said
    local -a rest
    mapfile -t rest < <(others "$1")
    # shellcheck disable=SC2064 # these words
    trap "attackAs '$1' '$2' putBack ${rest[*]}" EXIT
    for service in "${rest[@]}"; do waitUntil 20 "$service answers before" isItself "$service"; done
    standingInIsPossible "$1"
    said=$(attackAs "$1" "$2" standIn "${rest[@]}")
    for service in "${rest[@]}"; do
        expectMatch "who answers in the place of $service, after:"$'\n'"$said"$'\n' "\"service\":\"$service\"" "$(pingAnswer "$service")"
    done
}

# Whoever holds a lock has only to open its file.
openLocks() { # SERVICE...
    local service path
    for service; do
        while read -r path; do
            if [[ -e $path ]] && { (exec 9<"$path") || (exec 9>"$path"); }; then printf '%s is open to uid %s\n' "$path" "$(id --user)"; fi
        done < <(locksOf "$service")
    done
}

nobodyLocks() { # SERVICE USERS
    local -a rest
    mapfile -t rest < <(others "$1")
    expectMatch "what $1 can open of its own" 'is open' "$(attack "$1" '' openLocks "$1")"
    expectNothing "what $2 in $1 can open" "$(attackAs "$1" "$2" openLocks "${rest[@]}")"
}

# The lock becomes free while its service is started again.
waitForLock() { # SERVICE
    local path
    while read -r path; do
        if [[ -e $path ]]; then timeout 25 flock "$path" sleep 20 >/dev/null & fi
    done < <(locksOf "$1")
}

lockKeepsNobodyFromStarting() {
    trap 'waitUntil 60 "the service answers again" isItself backup' EXIT
    attack php 0 waitForLock backup
    "${compose[@]}" restart --timeout 20 backup
    waitUntil 10 'the service answers after its start' isItself backup
}

testCase 'attack: the application reaches no request socket of another service, plain or in JSON, with forged users and ids' nobodyIsAsked php "$application"
testCase "attack: the application reaches not even php's own request socket" applicationAsksNotEvenPhp
testCase 'attack: root of php reaches no request socket of another service, whoever it becomes' nobodyIsAsked php anybody
testCase 'attack: who has taken apache2 over reaches no request socket of another service' nobodyIsAsked apache2 www-data,0
testCase 'attack: who has taken mysql over reaches no request socket of another service' nobodyIsAsked mysql mysql,0
testCase 'attack: who has taken redis over reaches no request socket of another service' nobodyIsAsked redis redis,0
testCase 'attack: the application cannot remove a request socket or stand in for its service' nobodyStandsIn php "$application"
testCase 'attack: root of php cannot remove a request socket or stand in for its service' nobodyStandsIn php 0
testCase 'attack: who has taken apache2 over cannot remove a request socket or stand in for its service' nobodyStandsIn apache2 www-data,0
testCase 'attack: who has taken mysql over cannot remove a request socket or stand in for its service' nobodyStandsIn mysql mysql,0
testCase 'attack: who has taken redis over cannot remove a request socket or stand in for its service' nobodyStandsIn redis redis,0
testCase "attack: the application opens no other service's lock" nobodyLocks php "$application"
testCase "attack: root of php opens no other service's lock, whoever it becomes" nobodyLocks php anybody
testCase "attack: who has taken apache2 over opens no other service's lock" nobodyLocks apache2 www-data,0
testCase "attack: who has taken mysql over opens no other service's lock" nobodyLocks mysql mysql,0
testCase "attack: who has taken redis over opens no other service's lock" nobodyLocks redis redis,0
testCase 'attack: root of php keeps no other service from starting by its lock' lockKeepsNobodyFromStarting
