# shellcheck shell=bash
# What the stack's owner adds to a service's configuration: the files in folders of `local`. A service that has such folders
# names them in `localFolders` (FOLDER:ENDING), and says by `daemonFault` what its daemon does not take, with them
# (`with-local`) or without (bin/local.sh). Sourced by personalities and check-local.

: "${LAMPLIGHTER_LOCAL:=/usr/local/local}" "${LAMPLIGHTER_CONF:=/usr/local/conf}" "${LAMPLIGHTER_SERVICE:=$HOSTNAME}"

hasLocal() { # FOLDER ENDING
    compgen -G "$LAMPLIGHTER_LOCAL/$1/*.$2" >/dev/null
}

# The files that are added to this service.
localFiles() {
    local entry
    for entry in "${localFolders[@]}"; do
        compgen -G "$LAMPLIGHTER_LOCAL/${entry%%:*}/*.${entry#*:}" || true
    done
}

# As the owner knows the files; of several lines the first.
inOwnersWords() { # < TEXT
    awk -v added="$LAMPLIGHTER_LOCAL/" -v own="$LAMPLIGHTER_CONF/" -v folder="service/$LAMPLIGHTER_SERVICE/conf/" \
        '/./ && !said++ { gsub(added, "local/"); gsub(own, folder); print }'
}

# Where in some files such a line is, before what is wrong with it: FILE:LINE: TEXT.
withPlace() { # BEGINNING-OF-LINE TEXT FILE...
    local place
    place=$(awk -v beginning="$1" '{ line = $0; sub(/^[[:space:]]+/, "", line) }
        index(line, beginning) == 1 && !found++ { print FILENAME ":" FNR ": " }' "${@:3}")
    printf '%s%s\n' "$place" "$2"
}

# Sets `fault` to what is wrong, in a line, and `whose` to `local` or, where the daemon does not take the stack's own
# configuration without local either, to `stack`.
findFault() {
    local own=''
    fault='' whose=local
    if [[ -z $(localFiles) ]]; then return; fi
    fault=$(daemonFault with-local | inOwnersWords)
    if [[ -n $fault ]]; then own=$(daemonFault | inOwnersWords); fi
    if [[ -n $own ]]; then fault=$own whose=stack; fi
}

# Run at every start. A fault may have come when nobody ran bin/up: the site is served without what is added, then. Of what is
# the stack's own, the daemon itself says what it is.
judgeLocal() { # MARK
    local fault whose
    findFault
    if [[ -z $fault || $whose == stack ]]; then
        rm -f -- "$1"
        takeAwayProblem local
        return
    fi
    : >"$1"
    logLine ERROR "$fault: the service runs without what is in local" >&2
    leaveProblem local "it runs without what is in local: $fault: correct that, and run bin/up"
}
