# shellcheck shell=bash
# The way of the site to itself, without any network: what connects to one of its ports in this container gets to Apache
# over sockets in a folder of Apache's, and nowhere else. The names are in /etc/hosts (SITE_HOSTS).

loopback=/run/loopback

# Where visitors find the site, and where names without a port lead to.
loopbackPorts() {
    local http=${HTTP_PORT:-8080} https=${HTTPS_PORT:-8443}
    printf '%s\n' "http ${http##*:}" "https ${https##*:}" 'http 80' 'https 443' | sort --unique --key=2,2
}

# As the application's user, who could connect by himself; it ends with PHP-FPM, whose child it becomes.
beginLoopback() {
    local kind port
    local -a pairs=()
    while read -r kind port; do
        pairs+=("TCP4-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork,max-children=40" "UNIX-CONNECT:$loopback/$kind.sock")
    done < <(loopbackPorts)
    setpriv --reuid="$APP_USER" --regid="$APP_USER" --init-groups --pdeathsig=TERM -- "$LAMPLIGHTER_SBIN/forward" "${pairs[@]}" </dev/null &
}

# The site is there without, so that this is a problem and no more.
checkLoopback() {
    local kind port missing=''
    while read -r kind port; do
        if ! listensAt "$port"; then missing+=" $port"; fi
    done < <(loopbackPorts)
    if [[ -n $missing ]]; then
        leaveProblem loopback "the site does not reach itself at port$missing: restart php (docker compose restart php)"
    else
        takeAwayProblem loopback
    fi
}

listensAt() { # PORT
    [[ -n $(ss --no-header --listening --tcp --numeric "sport = :$1 and src = 127.0.0.1") ]]
}
