# shellcheck shell=bash
# The copy of the backups that is kept elsewhere: a second repository of restic's, with the same password.

# Without the password that somebody may have written into the address.
offsiteName() {
    sed --regexp-extended 's#//[^/@]*@#//#' <<<"$BACKUP_OFFSITE"
}

# The variables by which restic's stores know who asks (restic's manual, "Environment Variables"), and how much it says.
# Others could have it run programs.
offsiteVariables='^(AWS_[A-Z0-9_]+|AZURE_[A-Z0-9_]+|B2_ACCOUNT_(ID|KEY)|GOOGLE_(PROJECT_ID|APPLICATION_CREDENTIALS|ACCESS_TOKEN)|OS_[A-Z0-9_]+|ST_(AUTH|USER|KEY)|RESTIC_(REST_(USERNAME|PASSWORD)|AWS_ASSUME_ROLE_[A-Z_]+|PROGRESS_FPS))='

# What the other side wants to be told is in nobody else's environment, and on no command line.
atOffsite() { # RESTIC'S ARGUMENT...
    local line
    (
        while IFS= read -r line || [[ -n $line ]]; do
            if [[ $line =~ ^[[:space:]]*(#|$) ]]; then continue; fi
            if [[ ! $line =~ $offsiteVariables ]]; then
                # Not the line: it may be a password.
                logError "a line of .secrets/backup-offsite sets nothing that restic's stores ask for: ${line%%[!A-Za-z0-9_]*}"
            fi
            export "${line?}"
        done </run/secrets/backup-offsite
        exec restic --repo "$BACKUP_OFFSITE" --password-file "$BACKUP_PASSWORD_FILE" \
            --cache-dir "$LAMPLIGHTER_STATE/restic-cache" --cleanup-cache --retry-lock 10m \
            --option sftp.args="-i /run/secrets/backup-ssh-key -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=$LAMPLIGHTER_STATE/known_hosts" \
            "$@"
    )
}

copyOffsite() {
    local tag
    openOffsite
    # Only such as are old, or whose process is gone. Where nothing can be removed, copying minds none of them.
    atOffsite unlock --quiet || [[ -n ${BACKUP_OFFSITE_APPEND_ONLY:-} ]] || offsiteFailed "$?" 'old locks could not be removed'
    atOffsite copy --quiet --from-repo "$repository" --from-password-file "$BACKUP_PASSWORD_FILE" ||
        offsiteFailed "$?" 'the copy is not complete'
    if [[ -z ${BACKUP_OFFSITE_APPEND_ONLY:-} ]]; then
        for tag in database physical files; do forgetOld "$tag" atOffsite; done
        atOffsite forget --quiet --tag changes --keep-last 2
        atOffsite prune --quiet || offsiteFailed "$?" 'what is old could not be thrown away'
    fi
    followPlacesOf atOffsite
    noteOffsite
    logInfo "copied to $(offsiteName), which has $(listSnapshots atOffsite | jq 'map(select(.tags // [] | index("changes") | not)) | length') snapshots"
}

# What keep-changes has kept since, in a snapshot of its own: by the time that offsite-copy runs it is a day old. It waits for nobody
# who is at work on the backups here, as it reads no repository.
copyChangesOffsite() {
    local -r sent=$LAMPLIGHTER_STATE/changes-sent
    local now kept status=0
    if [[ ! -d $changesFolder ]]; then logError "there is no folder $changesFolder"; fi
    # Before the pieces are looked at: those up to then are among them.
    kept=$(changesKeptUpTo)
    # And where to: another repository has none of it.
    now=$({ printf '%s\n' "$BACKUP_OFFSITE" && find "$changesFolder" -name '*.zst.age' -printf '%P\n' | sort; } | sha256sum)
    if [[ $now == "$(cat -- "$sent" 2>/dev/null || true)" ]]; then
        logInfo "nothing has changed since the last copy to $(offsiteName)"
        noteOffsiteChanges "$kept"
        return
    fi
    openOffsite
    # What a run of keep-changes is just writing, or joins to one piece, may go meanwhile.
    atOffsite backup --quiet --tag changes --exclude '*.part' --exclude '*.new' -- "$changesFolder" || status=$?
    if ((status && status != 3)); then offsiteFailed "$status" 'the changes are not copied'; fi
    printf '%s\n' "$now" >"$sent.new"
    replaceFile "$sent.new" "$sent"
    noteOffsiteChanges "$kept"
    logInfo "the changes up to now are at $(offsiteName)"
}

noteOffsiteChanges() { # INSTANT
    if [[ -n $1 ]]; then leaveInstant offsite-changes "$1" "$(offsiteName) has the changes of the database up to $1"; fi
}

# All that the newest copy of them has, into a folder that is looked at in the place of this machine's.
fetchChanges() {
    local newest
    newest=$(listSnapshots atOffsite --tag changes | jq --raw-output 'sort_by(.time) | last // empty | .id')
    if [[ -z $newest ]]; then return; fi
    atOffsite restore --quiet "$newest:$changesFolder" --target "$LAMPLIGHTER_STATE/changes" >&2
    changesFolder=$LAMPLIGHTER_STATE/changes
}

# Up to when all is elsewhere: as of the older of the newest backups, which began with what there was then.
noteOffsite() {
    local list at
    list=$(listSnapshots atOffsite)
    at=$(ofSnapshots --raw-output complete_up_to <<<"$list")
    if [[ -n $at ]]; then
        leaveData offsite "$at" "$(ofSnapshots --compact-output copied <<<"$list")" "$(offsiteName) has all up to $at"
    else
        takeAwayFact offsite
    fi
}

# One that is not there yet is made, with the same cuts between pieces of data: what is the same here is the same there.
openOffsite() {
    local status=0
    # restic itself would try for a quarter of an hour.
    probeOffsite || status=$?
    if ((status == 10)); then
        atOffsite init --quiet --from-repo "$repository" --from-password-file "$BACKUP_PASSWORD_FILE" --copy-chunker-params ||
            offsiteFailed "$?" 'the repository could not be made'
        logInfo "a new repository for the copy: $(offsiteName)"
    elif ((status)); then
        offsiteFailed "$status" 'nothing is copied'
    fi
}

probeOffsite() {
    timeout --kill-after=5 "${BACKUP_OFFSITE_PATIENCE:-90}" bash -c "$(declare -f atOffsite logLine logError); $(declare -p offsiteVariables); atOffsite cat config >/dev/null"
}

offsiteFailed() { # STATUS WHAT
    local why="restic ended with status $1, and what it says is above"
    case $1 in
    11) why='it is locked by another restic' ;;
    12) why='it has another password than the one in .secrets/backup-password' ;;
    124 | 137) why='it does not answer' ;;
    esac
    logError "$2 to $(offsiteName): $why. The backups on this machine are as they were"
}
