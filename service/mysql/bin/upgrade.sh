# shellcheck shell=bash disable=SC2154 # mariadbSocket is the callbacks'
# MariaDB's own tables are to be of its version: mariadb-upgrade after each change of it. The personality finds that it is
# needed and asks for the action, which the journal then remembers; until it has succeeded, a problem says so.

upgradeInfo=/var/lib/mysql/data/mariadb_upgrade_info

# As mariadb-upgrade writes it: 11.8.9-MariaDB.
programVersion() {
    mariadbd --version 2>/dev/null | sed --quiet --regexp-extended 's/.* Ver ([0-9.]+-MariaDB).*/\1/p'
}

tablesVersion() {
    if [[ -r $upgradeInfo ]]; then tr --delete '[:space:]\0' <"$upgradeInfo"; fi
}

# At the start. Who asks is a process of its own: the request is answered when there are listeners, which come later.
askForUpgrade() {
    local program tables
    program=$(programVersion)
    tables=$(tablesVersion)
    if [[ $program == "$tables" ]]; then
        takeAwayProblem upgrade-tables
        return
    fi
    leaveProblem upgrade-tables "MariaDB is $program, and its own tables are of ${tables:-an unknown version}: upgrade-tables has not succeeded yet"
    (setsid lamplighter run --user root --detach "$LAMPLIGHTER_SERVICE" upgrade-tables </dev/null >/dev/null &)
}

# Of its own accord it goes back to no older version, and does nothing for a new patch level.
upgradeOnce() {
    mariadb-upgrade --socket="$mariadbSocket" || return
    if [[ $(tablesVersion) != "$(programVersion)" ]]; then mariadb-upgrade --socket="$mariadbSocket" --force; fi
}

# Also where nothing asks whether the service is up before its actions run. What it does it can do again: a run that is
# killed has changed nothing that the next one minds.
upgradeTables() {
    local program tables
    program=$(programVersion)
    tables=$(tablesVersion)
    until mariadb-admin --socket="$mariadbSocket" --connect-timeout=5 --silent ping &>/dev/null; do sleep 0.5; done
    logInfo "mariadb-upgrade: from ${tables:-an unknown version} to $program"
    if ! upgradeOnce; then
        leaveProblem upgrade-tables "mariadb-upgrade to $program has failed: \`lamplighter history mysql\` has its output; then: lamplighter run mysql upgrade-tables"
        logError 'mariadb-upgrade has failed: the reason is above'
    fi
    takeAwayProblem upgrade-tables
    logInfo "MariaDB's own tables are of $(tablesVersion)"
}
