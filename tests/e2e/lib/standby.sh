# shellcheck shell=bash
# Two machines, as far as one can have them: two stacks with names, ports, settings and secrets of their own, which reach each other over an
# sshd of the test's.

# One that was cloned just now. The program is the one of the stack under test.
makeMachine() { # NAME
    local folder=$machines/$1 setting offset=40
    if [[ $1 == second ]]; then offset=80; fi
    removeStack "$standbyProject-$1" "$folder"
    copyTree "$repo" "$folder"
    rm -f -- "$folder/target"
    cp --no-dereference -- "$stack"/target-sbin/{lamplighter,lamplighter-console,supervisor,scheduler} "$folder/target-sbin/"
    printf '#!/bin/sh\n' >"$folder/bin/build"
    sed --in-place '/^retry/d' "$folder"/service/*/conf/housekeeping.toml
    for setting in "COMPOSE_PROJECT_NAME=$standbyProject-$1" "HTTP_PORT=$(freePort "$((HTTP_PORT + offset))")" \
        "HTTPS_PORT=$(freePort "$((HTTP_PORT + offset + 20))")" SITE_PATH=./site LAMPLIGHTER_DATA=./data; do
        printf '%s\n' "$setting"
    done >"$folder/own"
    # The second one has no more than that: all else comes from the first.
    if [[ $1 == first ]]; then grep --invert-match --extended-regexp '^(COMPOSE_PROJECT_NAME|HTTP_PORT|HTTPS_PORT|SITE_PATH|LAMPLIGHTER_DATA)=' "$folder/.env.example" >"$folder/.env"; fi
    cat -- "$folder/own" >>"$folder/.env"
    rm -- "$folder/own"
    docker tag "$image" "lamplighter:$standbyProject-$1"
}

# With its own settings, and nothing of the test's stack.
on() { # NAME COMMAND...
    local folder=$machines/$1
    shift
    (cd -- "$folder" && exec env --unset=COMPOSE_PROJECT_NAME --unset=HTTP_PORT --unset=HTTPS_PORT --unset=MEMORY_PHP --unset=BACKUP_CHECK_NIGHTS "$@")
}

containerOn() { # NAME SERVICE
    docker ps --quiet --filter "label=com.docker.compose.project=$standbyProject-$1" --filter "label=com.docker.compose.service=$2" \
        --filter label=com.docker.compose.oneoff=False
}

servicesOn() { # NAME
    docker ps --filter "label=com.docker.compose.project=$standbyProject-$1" --format '{{.Label "com.docker.compose.service"}}' | sort | tr '\n' ' '
}

sqlOn() { # NAME STATEMENT
    docker exec "$(containerOn "$1" mysql)" mariadb --socket=/run/mariadb/own.sock --batch --skip-column-names --execute="$2"
}

statusOn() { # NAME
    on "$1" target-sbin/lamplighter status
}

portOf() { # NAME
    sed --quiet 's/^HTTP_PORT=//p' "$machines/$1/.env"
}

answersOn() { # NAME
    local status
    status=$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "http://localhost:$(portOf "$1")/" || true)
    echo "HTTP status $status"
    [[ $status == 200 ]]
}

# Who connects from a container comes by the address of this machine.
startSshd() {
    if ! type -P sshd >/dev/null; then needPackages 'the machines of the test reach each other over ssh' openssh-server; fi
    if [[ -s $machines/sshd.pid ]] && kill -0 "$(<"$machines/sshd.pid")" 2>/dev/null; then return; fi
    mkdir -p -- "$machines" /run/sshd
    rm -f -- "$machines"/host-key*
    ssh-keygen -q -t ed25519 -N '' -f "$machines/host-key"
    : >"$machines/authorized_keys"
    freePort "$((HTTP_PORT + 120))" >"$machines/sshd-port"
    cat >"$machines/sshd_config" <<TEXT
ListenAddress $(addressOfThisMachine)
Port $(<"$machines/sshd-port")
HostKey $machines/host-key
PidFile $machines/sshd.pid
AuthorizedKeysFile $machines/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
TEXT
    /usr/sbin/sshd -f "$machines/sshd_config" -E "$machines/sshd.log"
    waitUntil 10 'sshd listens' test -s "$machines/sshd.pid"
}

endSshd() {
    if [[ -s $machines/sshd.pid ]]; then kill "$(<"$machines/sshd.pid")" 2>/dev/null || true; fi
}

# The one that its containers know it by: nobody else does.
addressOfThisMachine() {
    ip -4 -oneline address show docker0 | awk '{ sub(/\/.*/, "", $4); print $4; exit }'
}

# Makes one machine the other's standby; prints what that says.
standBy() { # NAME PRIMARY
    on "$1" bin/standby "root@$(addressOfThisMachine):$machines/$2" --port "$(<"$machines/sshd-port")" 2>&1
}

removeMachines() {
    local name
    endSshd
    for name in first second; do
        removeStack "$standbyProject-$name" "$machines/$name"
        docker image rm "lamplighter:$standbyProject-$name" &>/dev/null || true
    done
    removeFolder "$machines"
}
