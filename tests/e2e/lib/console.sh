# shellcheck shell=bash
# The web console of the stack under test, and anna, who may log in to it. It is switched on by the first case that needs it,
# and stays on until `tests/e2e/cases/69-console-off.sh`.

readonly consolePassword='a long enough secret'

# By Docker as root, where we are not: the file is root's.
consoleUser() { # ARGUMENT...
    asRootOfConsole user "$@"
}

asRootOfConsole() { # ARGUMENT...
    if [[ $EUID -eq 0 ]]; then
        target-sbin/lamplighter console "$@"
    else
        docker run --rm --interactive --network none --volume "$data/console:/var/lib/console" --volume "$results:$results:ro" \
            --volume "$PWD/target-sbin:/usr/local/sbin:ro" --entrypoint /usr/local/sbin/lamplighter "$image" console "$@"
    fi
}

setConsolePort() { # PORT
    setConsole PORT "$1"
}

setConsole() { # NAME VALUE
    # Of a stack that was left by a call before, the file may be older than the setting.
    if ! grep --quiet "^CONSOLE_$1=" .env; then echo "CONSOLE_$1=" >>.env; fi
    sed --in-place "s/^CONSOLE_$1=.*/CONSOLE_$1=$2/" .env
}

# One that vouches for itself, in the results.
makeConsoleCertificate() { # FILE DAYS
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$2" -subj /CN=console.test \
        -addext subjectAltName=DNS:console.test -keyout "$results/$1.key" -out "$results/$1.pem" 2>/dev/null
}

putConsoleCertificate() { # FILE
    asRootOfConsole certificate "$results/$1.pem" "$results/$1.key" 2>&1
}

# What is answered over TLS to who trusts this certificate alone, at an address of this machine that is no loopback one.
consoleOverTls() { # FILE PATH
    curl --silent --show-error --include --max-time 20 --cacert "$results/$1.pem" \
        --resolve "console.test:$consolePort:$(hostAddress)" "https://console.test:$consolePort$2" 2>&1
}

hostAddress() {
    docker network inspect --format '{{range .IPAM.Config}}{{.Gateway}}{{end}}' "${COMPOSE_PROJECT_NAME}_console"
}

# Sets `consolePort`.
needConsole() {
    if ! isConsoleThere; then
        consoleUser remove anna &>/dev/null || true
        # What it may have run, and what is due on no day of the test's.
        printf '0 4 29 2 * %s\n' 'redis rotate-logs' 'mysql nightly-backup' >service/scheduler/conf/schedule.cron
        waitUntil 20 'the schedule is in force' isScheduled
        # As the cases before have left the settings.
        bin/up >"$results/up-before-console" 2>&1 || fail 'bin/up failed:' "$(cat "$results/up-before-console")"
        containerFacts >"$results/before-console"
        consolePort=$(freePort "$((HTTPS_PORT + 1))")
        setConsolePort "$consolePort"
        bin/up >"$results/up-console" 2>&1 || fail 'bin/up failed:' "$(cat "$results/up-console")"
    fi
    consolePort=$(sed --quiet 's/^CONSOLE_PORT=//p' .env)
}

isScheduled() {
    [[ $(inside scheduler lamplighter next) == *rotate-logs* ]]
}

# How many services the command tells of.
toldServices() {
    inside scheduler lamplighter status --json | jq '.services | length'
}

isConsoleThere() {
    [[ -n $(containers --filter label=com.docker.compose.service=console) ]]
}

# The code of this moment (RFC 6238), from a secret in base32.
codeOf() { # SECRET
    local key hash
    key=$(base32 --decode <<<"$1" | od --address-radix=n --format=x1 | tr --delete ' \n')
    # shellcheck disable=SC2059 # the bytes of the counter
    hash=$(printf "$(printf '%016x' "$((EPOCHSECONDS / 30))" | sed 's/../\\x&/g')" | openssl dgst -sha1 -mac HMAC -macopt "hexkey:$key")
    hash=${hash##* }
    printf '%06d\n' "$(((16#${hash:$((16#${hash: -1} * 2)):8} & 0x7fffffff) % 1000000))"
}

# As a browser asks: what is answered, head and body.
console() { # [CURL'S OPTION...] PATH
    curl --silent --show-error --include --max-time 20 --cookie "$results/console-cookies" "${@:1:$#-1}" "http://localhost:$consolePort${*: -1}"
}

# Fills in the form of a page, and sends it.
sendForm() { # PATH [CURL'S OPTION...]
    local token
    # Of a page that everybody who is logged in sees.
    token=$(console / | sed --quiet --regexp-extended 's/.*name="csrf" value="([^"]*)".*/\1/p' | head --lines=1)
    console --header "Origin: http://localhost:$consolePort" --data-urlencode "csrf=$token" "${@:2}" "$1"
}

# Once: a code is good once.
logIn() {
    local secret
    if [[ -e $results/console-cookies ]]; then return; fi
    secret=$(consoleUser add anna <<<"$consolePassword"$'\n'"$consolePassword" | sed --quiet 's/^  secret  //p')
    console --cookie-jar "$results/console-cookies" --header "Origin: http://localhost:$consolePort" --data-urlencode name=anna \
        --data-urlencode "password=$consolePassword" --data "code=$(codeOf "$secret")" /login
}

# Has something done; the path of the run that it leads to.
doInConsole() { # PATH
    local answer
    answer=$(sendForm "$1")
    expectMatch "what $1 is answered" '^HTTP/1.1 303' "$answer"
    sed --quiet 's/^[Ll]ocation: \([^\r]*\)\r*$/\1/p' <<<"$answer"
}

# A page says it.
pageHas() { # PATH PATTERN
    local page
    page=$(console "$1")
    echo "$page"
    [[ $page =~ $2 ]]
}
