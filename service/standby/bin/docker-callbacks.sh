# shellcheck shell=bash
# What a standby copies beside the database.
site=/var/www/site

isPromoted() {
    [[ -e /var/lib/standby/promoted || -e /var/lib/standby/told ]]
}

refusePromoted() {
    if isPromoted; then skipRun 'this machine is a primary now: it takes nothing from the other one'; fi
}

# All of it, owners, times, ACLs and attributes included; serve-files is the other end. What was half copied is gone on with.
CB_sync_files() { # USER
    local said
    refusePromoted
    if ! said=$(rsync --rsh=/usr/local/bin/files-gate --archive --hard-links --acls --xattrs --numeric-ids --delete --delete-delay --timeout=300 \
        primary:site/ "$site/" 2>&1); then
        # A file that went while it was copied (24) is the next copy's.
        if [[ $said != *'(code 24)'* ]]; then logError "the site's files are not copied: $(tail --lines=3 <<<"$said" | tr '\n' ' ')"; fi
    fi
    leaveInstant files "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" "the site's files are those of the primary"
}

# Into a folder of their own: bin/promote and bin/standby put them into their place.
CB_sync_settings() { # USER
    local coming=/var/lib/standby/settings-coming facts
    refusePromoted
    rm -rf -- "$coming"
    mkdir --mode=0700 -- "$coming"
    gate settings </dev/null | tar --extract --file=- --numeric-owner --same-permissions --directory="$coming"
    facts=$(gate facts </dev/null)
    jq --exit-status '.lamplighter == "standby"' <<<"$facts" >/dev/null
    printf '%s\n' "$facts" >"$coming/facts.json"
    if [[ ! -s $coming/.env ]]; then logError 'the primary has sent no settings'; fi
    sync --file-system "$coming"
    rm -rf -- /var/lib/standby/settings
    mv -- "$coming" /var/lib/standby/settings
    sync /var/lib/standby
    leaveInstant settings "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" 'settings, secrets and certificates are those of the primary'
}

CB_health_check() {
    if ! isPromoted && [[ ! -S /run/standby/primary.sock ]]; then logError "MariaDB's way to the primary is not there"; fi
}
