# shellcheck shell=bash
# The README's sections on backups and certificates: what they tell you to type does what they say (bin/restore:
# 42-drill-and-restore.sh).

# As it is typed, but for the name of Compose here, with lamplighter in the path, and without a terminal.
typed() { # COMMAND
    local command=${1//docker compose exec/"${compose[*]} exec -T"}
    local -x PATH=$PWD/target-sbin:$PATH
    printf '$ %s\n' "$command"
    bash -euo pipefail -c "$command" </dev/null
}

# Requests are waited for, so that the next command sees what came of them.
readmeWorks() { # SECTION COMMANDS
    local command service action since id commands=0
    if [[ $EUID -ne 0 ]]; then skip 'only root reaches the sockets from outside'; fi
    while IFS= read -r command; do
        commands=$((commands + 1))
        since=$(now)
        typed "$command" >"$results/typed" 2>&1 || fail "$command" "$(<"$results/typed")"
        cat -- "$results/typed"
        if [[ $command =~ ^echo\ \'root\ ([a-z-]+)\'.*/([a-z0-9]+)-request.sock$ ]]; then
            action=${BASH_REMATCH[1]} service=${BASH_REMATCH[2]}
            id=$(sed --quiet 's/^accepted //p' "$results/typed")
            waitForLog 120 "$service" "$since" "$action ${id:0:8} succeeded"
        fi
    done < <(commandsOf "$1" | grep --invert-match '^bin/restore')
    expectEqual 'the commands found' "$2" "$commands"
    siteIsUp
}

readmeNamesSettings() {
    local name names
    names=$(awk '/^## / { inside = /Backups|Certificates/ } inside' README.md | grep --only-matching --extended-regexp '\b(BACKUP|ACME|SITE|DISK|HTTPS?)_[A-Z_]+[A-Z]\b' | sort --unique)
    while IFS= read -r name; do
        grep --quiet "^$name=" .env.example || fail "the README names $name, which .env.example does not have"
    done <<<"$names"
}

testCase "the README's commands for backups do what it says" readmeWorks Backups 5
testCase "the README's commands for certificates do what it says" readmeWorks Certificates 1
testCase "the settings that the README names there are settings" readmeNamesSettings
