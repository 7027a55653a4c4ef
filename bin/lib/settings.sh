# shellcheck shell=bash
# The settings in `.env`, as Compose has them: the environment, .env, the default (for empty too). `lamplighter settings`
# reads the file; here is only what it says.

declare -A settings=()

# Ends the program where the file cannot be read.
readSettings() {
    takeSettings
}

# Also where this version of Compose reads something else in it.
readSettingsFor() { # COMPOSE-VERSION
    takeSettings --compose "$1"
}

takeSettings() { # OPTION...
    local program=target-sbin/lamplighter pair folder
    # There is none yet, or one that is older than this script.
    if ! "$program" settings --help &>/dev/null; then quietly 'building the program' bin/build; fi
    settings=()
    folder=$(mktemp --directory "${TMPDIR:-/tmp}/lamplighter-settings.XXXXXX")
    if ! "$program" settings --null "$@" . >"$folder/said" 2>"$folder/faults"; then
        if [[ -t 1 ]]; then printf '\r\e[K'; fi
        cat -- "$folder/faults" >&2
        rm -rf -- "$folder"
        giveUp 'the settings are not as they can be used: what is wrong is above' "Correct $PWD/.env and try again."
    fi
    # Once is enough, and bin/up is who asks for a version.
    if (($#)) && [[ -s $folder/faults ]]; then cat -- "$folder/faults" >&2; fi
    while IFS= read -r -d '' pair; do settings["${pair%%=*}"]=${pair#*=}; done <"$folder/said"
    rm -rf -- "$folder"
}

setting() { # NAME DEFAULT
    local value=${settings["$1"]:-}
    if [[ -n ${!1+set} ]]; then value=${!1}; fi
    printf '%s\n' "${value:-$2}"
}
