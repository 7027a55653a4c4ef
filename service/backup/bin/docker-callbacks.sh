# shellcheck shell=bash
# Backups of the site's files (the database's are mysql's), the proof that all of them can be restored, and their copy
# elsewhere.
# shellcheck source=target-sbin/lib/disk.sh
source "$LAMPLIGHTER_SBIN/lib/disk.sh"
# shellcheck source=target-sbin/lib/repository.sh
source "$LAMPLIGHTER_SBIN/lib/repository.sh"
# shellcheck source=target-sbin/lib/dump.sh
source "$LAMPLIGHTER_SBIN/lib/dump.sh"
# shellcheck source=service/backup/bin/drill.sh
source "$LAMPLIGHTER_BIN/drill.sh"
# shellcheck source=service/backup/bin/offsite.sh
source "$LAMPLIGHTER_BIN/offsite.sh"

site=/var/www/site

CB_nightly_backup() { # USER
    local bytes summary
    openRepository
    refuseUnfinished files
    # Files may go while it counts; then it counts on, and complains.
    bytes=$({ du --summarize --bytes -- "$site" 2>/dev/null || true; } | cut --fields=1)
    needSpaceFor files "$bytes"
    summary=$(takeSnapshot --tag files -- "$site")
    logInfo "$(describeSnapshot "$summary"): $(jq --raw-output '"\(.total_files_processed) files"' <<<"$summary")"
    rememberSize files "$bytes"
    forgetOld files inRepository
    # What is in no snapshot any more, the database's included, is thrown away once a night: here.
    pruneRepository
}

# The newest backups are restored aside and compared with what was backed up.
CB_restore_drill() { # USER
    openRepository
    drill
}

# A copy of all of it in the repository that BACKUP_OFFSITE names.
CB_offsite_copy() { # USER
    if [[ -z ${BACKUP_OFFSITE:-} ]]; then
        logInfo 'no copy is made: BACKUP_OFFSITE in .env names no repository'
        return
    fi
    openRepository
    copyOffsite
}

# The data's, the site's, the backups' and Docker's own: they may be one disk or four.
CB_check_disk() {
    checkDisks "$LAMPLIGHTER_STATE" "$site" "$LAMPLIGHTER_BACKUPS" /
}
