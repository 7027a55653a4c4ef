# shellcheck shell=bash
# The settings in `.env`, with the precedence that Compose gives them: the environment, .env, the default (for empty too).

setting() { # NAME DEFAULT
    local line value=''
    if [[ -n ${!1+set} ]]; then
        value=${!1}
    elif [[ -r .env ]]; then
        while IFS= read -r line || [[ -n $line ]]; do
            line=${line%$'\r'}
            if [[ $line == "$1="* ]]; then value=${line#*=}; fi
        done <.env
        if [[ $value == \"*\" || $value == \'*\' ]]; then value=${value:1:-1}; fi
    fi
    printf '%s\n' "${value:-$2}"
}
