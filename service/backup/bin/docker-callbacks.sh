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
# shellcheck source=service/backup/bin/restore-files.sh
source "$LAMPLIGHTER_BIN/restore-files.sh"
# shellcheck source=service/backup/bin/offsite.sh
source "$LAMPLIGHTER_BIN/offsite.sh"

site=/var/www/site

CB_nightly_backup() { # USER
    local bytes summary
    openRepository
    refuseUnfinished files
    refuseHiddenMounts
    # Files may go while it counts; then it counts on, and complains.
    bytes=$({ du --summarize --bytes -- "$site" 2>/dev/null || true; } | cut --fields=1)
    needSpaceFor files "$bytes"
    nameOddFiles
    # What a restore has beside the site's files is none of the site's.
    summary=$(takeSnapshot --tag files --exclude "$staged" --exclude "$replaced.*" -- "$site")
    logInfo "$(describeSnapshot "$summary"): $(jq --raw-output '"\(.total_files_processed) files"' <<<"$summary")"
    rememberSize files "$bytes"
    noticeFewer files "$(jq --compact-output '{files: .total_files_processed, bytes: .total_bytes_processed}' <<<"$summary")"
    forgetOld files inRepository
    noticeWrongTimes
    # What is in no snapshot any more, the database's included, is thrown away once a night: here.
    pruneRepository
    noteSnapshots
}

# Backed up, a disk that is not seen here would be an empty folder.
refuseHiddenMounts() {
    local hidden
    if ! hidden=$("$LAMPLIGHTER_BIN/hidden-mounts.pl" /proc/self/mountinfo /usr/local/host-mounts "$site"); then
        logInfo 'whether disks are mounted below the site that are not seen here cannot be told: the reason is above'
    elif [[ -n $hidden ]]; then
        logError "no backup is made: this container does not see what has come since its start: ${hidden//$'\n'/, }." \
            "Restart it, and who serves the site, too: docker compose restart backup php apache2"
    fi
}

# So that nobody relies on them: sockets have no content, and some attributes take rights that no container has.
nameOddFiles() {
    local odd number
    odd=$("$LAMPLIGHTER_BIN/odd-files.pl" "$site")
    if [[ -z $odd ]]; then return; fi
    number=$(wc --lines <<<"$odd")
    logInfo "a restore will not bring these back, as no backup can: $(head --lines=20 <<<"$odd")"
    if ((number > 20)); then logInfo "$((number - 20)) more"; fi
}

noticeWrongTimes() {
    local list wrong
    list=$(listSnapshots inRepository)
    wrong=$(wrongTimes "$list")
    if [[ -n $wrong ]]; then
        logInfo "$wrong"
        leaveProblem wrong-times "$wrong"
    else
        takeAwayProblem wrong-times
    fi
}

# The newest backups are restored aside and compared with what was backed up.
CB_restore_drill() { # USER
    openRepository
    noteSnapshots
    drill
}

# A copy of all of it in the repository that BACKUP_OFFSITE names.
CB_offsite_copy() { # USER
    if [[ -z ${BACKUP_OFFSITE:-} ]]; then
        takeAwayFact offsite
        skipRun 'no copy is made: BACKUP_OFFSITE in .env names no repository'
    fi
    openRepository
    copyOffsite
}

# The changes since, more often.
CB_offsite_changes() { # USER
    if [[ -z ${BACKUP_OFFSITE:-} ]]; then
        takeAwayFact offsite-changes
        skipRun 'no copy is made: BACKUP_OFFSITE in .env names no repository'
    fi
    copyChangesOffsite
}

# The data's, the site's, the backups' and Docker's own: they may be one disk or four.
CB_check_disk() {
    checkDisks "$LAMPLIGHTER_STATE" "$site" "$LAMPLIGHTER_BACKUPS" /
}
