# shellcheck shell=bash
# Talking to the stack as its users do: to the site by HTTP, to a service by its request socket.

# From the folder of the sockets, because the address of a unix socket has little room for a path. Where we are not root,
# the container's root asks.
ask() { # SERVICE [SECONDS-OF-SILENCE] < LINES
    if [[ $EUID -eq 0 ]]; then
        (cd -- "$data/run" && nc -U -N -w "${2:-20}" "$1-request.sock")
    else
        inside "$1" nc -U -N -w "${2:-20}" "/run/$1-request.sock"
    fi
}

# Sends one plain line; the id it was accepted under.
request() { # SERVICE USER ACTION
    local answer
    answer=$(ask "$1" <<<"$2 $3")
    if [[ $answer != 'accepted '* ]]; then fail "$1 was asked \"$2 $3\" and said" "$answer"; fi
    printf '%s\n' "${answer#accepted }"
}

# Sends one, and waits until the log says that it is done.
runAction() { # SERVICE USER ACTION
    local since id
    since=$(now)
    id=$(request "$@")
    waitForLog 60 "$1" "$since" "$3 ${id:0:8} (succeeded|failed|timed-out|interrupted|cancelled|skipped)"
    expectMatch "the log of $1" "$3 ${id:0:8} succeeded after" "$(logOf "$1" "$since")"
}

web() { # [CURL'S OPTION...] PATH
    curl --silent --show-error --max-time 20 "${@:1:$#-1}" "http://localhost:$HTTP_PORT${*: -1}"
}

# The certificate that Apache made is the one authority.
webTls() { # [CURL'S OPTION...] PATH
    curl --silent --show-error --max-time 20 --cacert "$results/certificate.pem" "${@:1:$#-1}" \
        "https://localhost:$HTTPS_PORT${*: -1}"
}

httpStatus() { # PATH [CURL'S OPTION...]
    web --output /dev/null --write-out '%{http_code}' "${@:2}" "$1"
}

siteIsUp() {
    local status
    status=$(httpStatus /)
    echo "HTTP status $status"
    [[ $status == 200 ]]
}

# MariaDB's answer to a statement, as bare tab-separated lines.
# What stands at its input is somebody else's: `docker exec` would take from it.
sql() { # STATEMENT
    inside mysql mariadb --batch --skip-column-names --execute="$1" </dev/null
}

# Sends one, waits for its end, prints its outcome, and keeps what it printed in $results/output.
outcomeOf() { # SERVICE USER ACTION
    local lines id
    lines=$(ask "$1" 300 <<<"{\"op\":\"run\",\"user\":\"$2\",\"action\":\"$3\",\"tell\":\"outcome\"}")
    id=$(jq --raw-output 'select(.ok) | .id' <<<"$lines")
    if [[ -z $id ]]; then fail "$1 was asked \"$2 $3\" and said" "$lines"; fi
    ask "$1" <<<"{\"op\":\"show\",\"id\":\"$id\"}" | jq --raw-output .output >"$results/output"
    jq --raw-output 'select(.event == "ended") | .outcome' <<<"$lines"
}

# What it printed, when it ended as expected.
expectOutcome() { # OUTCOME SERVICE ACTION
    local outcome
    outcome=$(outcomeOf "$2" root "$3")
    cat -- "$results/output"
    if [[ $outcome != "$1" ]]; then fail "$3 of $2 should have $1, but: $outcome" "$(cat -- "$results/output")"; fi
}

# The lines of the blocks in a section of the README that are commands.
commandsOf() { # SECTION
    awk -v section="## $1" '
        /^## / { inside = $0 == section }
        /^```/ { block = !block; next }
        inside && block && !/^[A-Z_]+=/' README.md
}
