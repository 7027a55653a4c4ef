# shellcheck shell=bash
# What an attacker does who has taken a container over: functions of ours that are run there, as any of its users. They
# need no file there but bash, perl and nc, and print what they have got; those that get nothing print nothing.

# Whoever may be somebody in a container of the stack: root, www-data, MariaDB's, Redis', the scheduler's and the console's
# user, the application's, nobody. Root of php can become each of them.
readonly anybody=(0 33 901 902 903 905 10001 65534)
readonly application=forum

# Prints what the function has got. One that does not come to its end has shown nothing.
attack() { # SERVICE USER FUNCTION [ARGUMENT...]
    local id said
    id=$(container "$1")
    said=$(attackScript "${@:3}" | timeout 150 docker exec --interactive ${2:+--user "$2"} "$id" bash -s 2>"$results/attackers-errors") || true
    if [[ $said != *'the attack is over' ]]; then
        # Callers take what is printed, and would take nothing for an attack that has got nothing.
        printf '%s of %s in %s came to no end\n' "$3" "${2:-its own user}" "$1"
        fail "$3 of ${2:-its own user} in $1 came to no end:" "$said" "$(tail --lines=5 "$results/attackers-errors")"
    fi
    said=${said%the attack is over}
    printf '%s' "${said%$'\n'}"
}

attackScript() { # FUNCTION [ARGUMENT...]
    declare -f
    printf 'readonly anybody=(%s)\n' "${anybody[*]}"
    printf '%q ' "$@"
    # What is read there is not the rest of this script.
    printf '</dev/null\nprintf "\\nthe attack is over"\n'
}

# The same function as somebody else, in the groups of everybody: for an attacker who may change users.
as() { # UID FUNCTION [ARGUMENT...]
    attackScript "${@:2}" | setpriv --reuid="$1" --regid="$1" --groups=0,33,901,902,903,904,905,10001 -- bash -s |
        sed '/^the attack is over$/d; /^$/d'
}

asAnybody() { # FUNCTION [ARGUMENT...]
    local uid
    for uid in "${anybody[@]}"; do as "$uid" "$@"; done
}

# As one user after the other; `anybody` is root, who becomes each of those that it can become.
attackAs() { # SERVICE USER[,USER...] FUNCTION [ARGUMENT...]
    local user
    for user in ${2//,/ }; do
        if [[ $user == anybody ]]; then attack "$1" 0 asAnybody "${@:3}"; else attack "$1" "$user" "${@:3}"; fi
    done
}

# The attack has got nothing.
expectNothing() { # WHAT FOUND
    if [[ -n $2 ]]; then fail "$1:" "$2"; fi
}

others() { # SERVICE
    local service
    for service in "${services[@]}"; do
        if [[ $service != "$1" ]]; then printf '%s\n' "$service"; fi
    done
}

# The places of a service's request socket, and of its lock, wherever the stack has them.
socketsOf() { # SERVICE
    printf '%s\n' "/run/$1-request.sock" "/run/requests/$1/request.sock"
}

locksOf() { # SERVICE
    printf '%s\n' "/run/$1.lock" "/run/requests/$1/lock"
}

# What a socket answers to a line.
knock() { # PATH LINE
    timeout 5 nc -U -N -w 3 "$1" <<<"$2"
}

pingAnswer() { # SERVICE
    local answer=''
    answer=$(inside scheduler timeout 5 nc -U -N -w 3 "/run/$1-request.sock" <<<'{"op":"ping"}' 2>&1) || true
    printf '%s\n' "$answer"
}

# Who a service's clients speak to is the service: asked by the scheduler, who asks for all housekeeping.
isItself() { # SERVICE
    local answer
    answer=$(pingAnswer "$1")
    echo "$answer"
    [[ $(jq --raw-output .service <<<"$answer" 2>/dev/null) == "$1" ]]
}

# How a container is, when it was started and how often again: unchanged where nobody has stopped it.
startsOf() { # SERVICE
    inspect "$1" '{{.State.Status}} since {{.State.StartedAt}}, {{.RestartCount}} restarts'
}
