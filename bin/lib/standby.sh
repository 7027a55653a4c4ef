# shellcheck shell=bash
# Two machines, of which one serves the site and the other stands by. Which of them this is, and since which term: a number that both keep,
# and that each promotion raises. For bin/standby, bin/promote, bin/standby-gate and bin/up. Needs settings.sh.
# Uses `data` and `secrets` (folders), and `project`.
# shellcheck disable=SC2034,SC2154

# What of the settings is each machine's own: what Docker calls the stack, its ports, its memory and processors, and where things are.
readonly ownSettings='^(COMPOSE_PROJECT_NAME|HTTP_PORT|HTTPS_PORT|CONSOLE_PORT|COMPOSE_PROFILES|MEMORY_[A-Z0-9]+|CPUS_[A-Z0-9]+|SITE_PATH|SITE_PROPAGATION|LAMPLIGHTER_DATA|LAMPLIGHTER_SECRETS|BACKUP_PATH)='

# A folder of .env as Docker wants it.
folderOf() { # NAME DEFAULT
    local folder
    folder=$(setting "$1" "$2")
    readlink --canonicalize-missing -- "${folder/#\~/$HOME}"
}

setFolders() {
    project=$(setting COMPOSE_PROJECT_NAME lamplighter)
    data=$(folderOf LAMPLIGHTER_DATA ./data)
    secrets=$(folderOf LAMPLIGHTER_SECRETS ./.secrets)
    site=$(folderOf SITE_PATH ./site)
}

# Sets term, role (primary, standby or stepped-down) and other (the machine that it is about, as ssh names it). A machine that has never
# heard of another one is a primary.
readTerm() {
    term=1 role=primary other=''
    if [[ ! -e $secrets/standby-term ]]; then return; fi
    read -r term role other <"$secrets/standby-term" || true
    if [[ ! $term =~ ^[1-9][0-9]{0,8}$ || ! $role =~ ^(primary|standby|stepped-down)$ ]]; then
        giveUp "$secrets/standby-term is not as Lamplighter writes it: $(<"$secrets/standby-term")" \
            'It wants a line TERM ROLE, such as: 2 primary'
    fi
}

# On the disk when it returns.
writeTerm() { # TERM ROLE [OTHER]
    (umask 022 && printf '%s\n' "$*" >"$secrets/standby-term.new")
    sync -- "$secrets/standby-term.new"
    mv -- "$secrets/standby-term.new" "$secrets/standby-term"
    sync -- "$secrets"
}

# What would change the database or the files of a standby, which are the primary's.
refuseStandby() {
    if [[ $role == primary ]]; then return; fi
    giveUp "this machine is ${role/-/ } (term $term): nothing is changed here" "The primary is ${other:-another machine}. To have this one take its place: bin/promote"
}

needRoot() {
    if ((EUID != 0)); then giveUp 'it takes root: files of all users are copied' "sudo $0 $*"; fi
}

# To the other machine; the key's owner may do there what bin/standby-gate does, and nothing else.
gate() { # WORD...
    timeout --foreground "${gateTimeout:-0}" ssh -F none -T -i "$secrets/standby-ssh-key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$secrets/standby-known-hosts" -o ConnectTimeout="${connectTimeout:-10}" -o ServerAliveInterval=5 \
        -o ServerAliveCountMax=3 -o LogLevel=ERROR -p "$port" "$target" "$@" </dev/null
}

# Runs something of ours on MariaDB's folder, as its user and without a network; MariaDB does not run then.
onData() { # PROGRAM ARGUMENT...
    docker run --rm --interactive --network none --user mysql --read-only --tmpfs /tmp:mode=1777 --security-opt no-new-privileges:true --cap-drop ALL \
        --label "com.docker.compose.project=$project" --label com.docker.compose.oneoff=True \
        --volume "$PWD/target-sbin:/usr/local/sbin:ro" --volume "$PWD/service/mysql/bin:/usr/local/bin:ro" \
        --volume "$data/mysql:/var/lib/mysql" "lamplighter:$project" "$@"
}

# What has come from the primary (CB_sync_settings) becomes this machine's, but for what is its own.
placeSettings() { # FOLDER
    local own file
    own=$(grep --extended-regexp "$ownSettings" .env 2>/dev/null || true)
    (
        umask 077
        if [[ -n $own ]]; then
            grep --extended-regexp --invert-match "$ownSettings" "$1/.env" || true
            printf '\n%s\n' "$own"
        else
            # Who has none of his own has those of the primary, but what bin/up finds out by itself.
            grep --extended-regexp --invert-match '^(COMPOSE_PROFILES|MEMORY_[A-Z0-9]+|CPUS_[A-Z0-9]+|SITE_PROPAGATION)=' "$1/.env"
        fi >.env.new
    )
    mv -- .env.new .env
    readSettings
    setFolders
    (umask 077 && mkdir --parents -- "$secrets")
    for file in "$1"/secrets/*; do
        if [[ -f $file && ${file##*/} != standby-* ]]; then install --mode=0600 -- "$file" "$secrets/${file##*/}"; fi
    done
    if [[ -d $1/local ]]; then
        rm -rf -- local.new
        cp --archive -- "$1/local" local.new
        rm -rf -- local
        mv -- local.new local
    fi
    mkdir --parents -- "$data"
    rm -rf -- "$data/certificates.new"
    cp --archive -- "$1/certificates" "$data/certificates.new"
    rm -rf -- "$data/certificates"
    mv -- "$data/certificates.new" "$data/certificates"
}

# One more profile, of which Compose starts what belongs to it.
addProfile() {
    local profiles
    profiles=$(setting COMPOSE_PROFILES '')
    if [[ ,$profiles, == *,standby,* ]]; then return; fi
    profiles=${profiles:+$profiles,}standby
    settings[COMPOSE_PROFILES]=$profiles
    if grep --quiet '^COMPOSE_PROFILES=' .env; then
        sed --in-place --follow-symlinks "s/^COMPOSE_PROFILES=.*/COMPOSE_PROFILES=$profiles/" .env
    else
        printf '\nCOMPOSE_PROFILES=%s\n' "$profiles" >>.env
    fi
}
