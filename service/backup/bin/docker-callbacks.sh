# shellcheck shell=bash
# Backups of the site's files; the database's are mysql's (a dump has to come from the one that has the data).

site=/var/www/site
backupFolder=/var/backups/site

# In place under its name only when it is complete and on the disk.
CB_nightly_backup() { # USER
    local part name
    umask 077
    rm -f -- "$backupFolder"/.part-*
    name="site-$(date --utc +%Y%m%dT%H%M%SZ).tar.zst"
    part="$backupFolder/.part-$name"

    # shellcheck disable=SC2064 # this file; when the run is ended from outside, too
    trap "rm -f -- '$part'" EXIT
    if ! archiveSite | zstd --quiet -T0 -o "$part"; then
        logError 'no backup is made: the archive failed, and what it says is above'
    fi
    if ! zstd --quiet --decompress --stdout "$part" | tar --list --file=- >/dev/null; then
        logError 'no backup is made: the archive cannot be read back'
    fi
    sync "$part"
    mv -- "$part" "$backupFolder/$name"
    sync "$backupFolder"
    logInfo "$backupFolder/$name: $(stat --format=%s "$backupFolder/$name") bytes"

    # Only after a success, so that the last good backups outlive a series of failures.
    find "$backupFolder" -maxdepth 1 -name 'site-*.tar.zst' -mtime "+${BACKUP_KEEP_DAYS:-14}" -print -delete
}

# GNU tar ends with 1 when a file changed under its hands, as files of a site in use do: the archive is whole, and
# that file is as new as the next backup.
archiveSite() {
    local status=0
    tar --create --file=- --numeric-owner --sort=name --directory="$site" . || status=$?
    if ((status > 1)); then return "$status"; fi
}
