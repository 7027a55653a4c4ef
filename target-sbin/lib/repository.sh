# shellcheck shell=bash
# The repository of backups (restic's), which the services that back up share. Sourced by their callbacks; needs disk.sh.
#
# Whoever works on it holds the file `lock` beside it, across the containers. So two never do so at once, and a lock of
# restic's own that is found then was left behind by somebody who is gone.

: "${LAMPLIGHTER_BACKUPS:=/var/backups}" "${BACKUP_PASSWORD_FILE:=/run/secrets/backup-password}"
: "${LAMPLIGHTER_STATE:=/var/lib/lamplighter}"
export BACKUP_PASSWORD_FILE
repository=$LAMPLIGHTER_BACKUPS/repository
# How long to wait for somebody else's work on it, in seconds.
repositoryPatience=${repositoryPatience:-5400}
# What stays free of a disk, in bytes.
spaceReserve=$((64 << 20))
# shellcheck source=target-sbin/lib/replace.sh
source "$LAMPLIGHTER_SBIN/lib/replace.sh"
# shellcheck source=target-sbin/lib/snapshots.sh
source "$LAMPLIGHTER_SBIN/lib/snapshots.sh"

# restic's exit statuses that say what is wrong (restic(1), "Exit status").
declare -A repositoryFaults=(
    [3]='what is above could not be read, so the newest snapshot has not all of it'
    [10]="there is no repository in $repository"
    [11]="$repository is locked by another restic: is there one that does not hold $LAMPLIGHTER_BACKUPS/lock?"
    [no-room]="there is no room for it in $LAMPLIGHTER_BACKUPS. Make some, or keep fewer (BACKUP_KEEP_… in .env)"
    [12]='the password is not the one that the repository was made with: put the right one into .secrets/backup-password'
)

# Without a cache: the repository is on a disk of this machine, and what is checked has to be what is there.
resticHere=(restic --repo "$repository" --password-file "$BACKUP_PASSWORD_FILE" --no-cache)

inRepository() { # RESTIC'S ARGUMENT...
    "${resticHere[@]}" "$@"
}

# Until the end of the run nobody else gets at the repository. A new one is made only where there has never been one.
openRepository() {
    local status=0 id
    local -r known=$LAMPLIGHTER_STATE/repository-id
    lockRepository
    if [[ ! -e $repository/config ]]; then makeRepository "$known"; fi
    id=$(inRepository cat config | jq --raw-output .id) || status=$?
    if ((status)); then repositoryFailed "$status" 'cannot open the repository'; fi
    printf '%s\n' "$id" >"$known"
    inRepository unlock --remove-all --quiet >&2
}

lockRepository() {
    local descriptor
    umask 077
    exec {descriptor}>>"$LAMPLIGHTER_BACKUPS/lock"
    if flock --nonblock "$descriptor"; then return; fi
    logInfo "waiting: somebody else is at work on the backups (at most $repositoryPatience s)"
    if ! flock --timeout "$repositoryPatience" "$descriptor"; then
        logError "somebody else has been at work on the backups for $repositoryPatience s: see the other runs of mysql and backup"
    fi
}

# A disk that is not mounted looks like a first start. Backups that quietly begin anew on the wrong disk are worse than
# none that are missed.
makeRepository() { # FILE-WITH-ITS-ID
    if [[ -s $1 ]]; then
        logError "the repository of backups is gone from $LAMPLIGHTER_BACKUPS (BACKUP_PATH in .env): is its disk mounted?" \
            "To begin a new one, remove data/lamplighter/$LAMPLIGHTER_SERVICE/${1##*/}"
    fi
    inRepository init --quiet >&2 || repositoryFailed "$?" 'cannot make the repository'
    shareRepository
    logInfo "a new repository of backups: $repository"
}

# With the group of its folder, which is somebody else's: restic gives to what it adds the rights that the group has to
# `config`.
shareRepository() {
    find "$repository" -mindepth 1 -type d -exec chmod g+rwxs -- {} +
    find "$repository" -mindepth 1 -type f -exec chmod g+r -- {} +
}

repositoryFailed() { # STATUS WHAT
    logError "$2: ${repositoryFaults[$1]:-restic ended with status $1, and what it says is above}"
}

# Makes a snapshot and prints restic's summary of it. What restic has against it is in the log.
takeSnapshot() { # RESTIC'S ARGUMENT...
    local summary complaints running watching place status=0
    summary=$(mktemp)
    complaints=$(mktemp)
    place=$(nextPlace) || repositoryFailed "$?" 'no backup is made'
    "${resticHere[@]}" backup --json --quiet --tag "$place" "$@" >"$summary" 2>>"$complaints" &
    running=$!
    endBeforeFull "$running" 2>>"$complaints" &
    watching=$!
    wait "$running" || status=$?
    kill "$watching" 2>/dev/null || true
    wait "$watching" || true
    if ((status == 3)) && [[ -z $(unreadable "$complaints") ]]; then
        # Of a site in use, a file may go between being seen and being read. It is none of the site's any more.
        logInfo "$(readableErrors "$complaints" | wc --lines) files went while they were backed up"
        status=0
    fi
    if ((status)); then
        readableErrors "$complaints" | sed --quiet 1,20p >&2
        if foundNoRoom "$complaints"; then
            throwAwayRemains
            status=no-room
        fi
    else
        cat -- "$summary"
    fi
    rm -f -- "$summary" "$complaints"
    if [[ $status != 0 ]]; then repositoryFailed "$status" 'no backup is made'; fi
}

# Ends a backup that would fill the disk, because the database beside it would have to stop, too; and one that has filled
# it: restic may then wait for ever for what does not come. `read` waits without a process that could outlive us.
endBeforeFull() { # PROCESS
    local never
    exec {never}<> <(:)
    while hasSpace "$LAMPLIGHTER_BACKUPS" "$((spaceReserve / 2))"; do read -rt 0.5 -u "$never" || true; done
    echo "the backup is ended, before there is no space left on the disk of $LAMPLIGHTER_BACKUPS" >&2
    kill "$1"
    read -rt 10 -u "$never" || true
    kill -KILL "$1"
}

# By what was said, or by what is left: it may have been the dump that found the disk full.
foundNoRoom() { # FILE
    grep --quiet --ignore-case --regexp='no space left' --regexp='quota exceeded' -- "$1" ||
        ! hasSpace "$LAMPLIGHTER_BACKUPS" "$spaceReserve"
}

# What a backup that came to no end has stored is in no snapshot. On a full disk it would stay there until somebody made
# room by hand, and the database beside it would have none either. Nothing is stored anew to save some space: there is none.
throwAwayRemains() {
    # Its lock, where it had to be killed: we hold ours.
    inRepository unlock --remove-all --quiet >&2
    if inRepository prune --quiet --max-repack-size 0 2>&1 | { grep --invert-match 'without a cache' || true; } >&2; then
        logInfo "what no snapshot needs is thrown away: $(inBytes "$(freeSpace "$LAMPLIGHTER_BACKUPS")") are free in $LAMPLIGHTER_BACKUPS"
    else
        logInfo "what no snapshot needs could not be thrown away: the reason is above. Make room, then: repository prune"
    fi
}

# What restic has printed, without the JSON.
readableErrors() { # FILE
    jq --raw-input --raw-output '. as $line | (fromjson? // null) | objects // {} | .error.message // .message // $line' "$1"
}

# What could not be read and is there all the same.
unreadable() { # FILE
    readableErrors "$1" | grep --invert-match --regexp='no such file or directory$' --regexp='^Warning: at least one source file could not be read' || true
}

# Throws away what is in no snapshot any more. It looks up much, hence the cache, which nothing that proves anything uses.
pruneRepository() {
    restic --repo "$repository" --password-file "$BACKUP_PASSWORD_FILE" --cache-dir "$LAMPLIGHTER_STATE/restic-cache" \
        --cleanup-cache prune --quiet
}

# Room for all of it when it is the first; then for twice what the last one added, and for all that has come since. And
# some of the disk has to stay free, because a full one would stop the database too.
needSpaceFor() { # TAG BYTES
    local last added=$2 before
    last=$(newestSnapshot "$1")
    if [[ -n $last ]]; then
        added=$(jq '2 * (.summary.data_added_packed // .summary.data_added // 0)' <<<"$last")
        before=$(cat -- "$(sizeFile "$1")" 2>/dev/null || true)
        if [[ $before =~ ^[0-9]+$ ]] && (($2 > before)); then added=$((added + $2 - before)); fi
    fi
    # Perhaps it is what a killed backup has left that takes the room.
    if ! hasSpace "$LAMPLIGHTER_BACKUPS" "$((added + spaceReserve))"; then throwAwayRemains; fi
    needSpace "$LAMPLIGHTER_BACKUPS" "$((added + spaceReserve))" 'no backup is made'
}

# It is there from before bin/restore changes the first thing until it has compared what it restored.
unfinishedRestore() { # database|files
    printf '%s\n' "$LAMPLIGHTER_BACKUPS/unfinished-restore-$1"
}

# What a restore has brought back by half would become the newest backup, and be restored the next time.
refuseUnfinished() { # database|files
    local mark
    mark=$(unfinishedRestore "$1")
    if [[ -e $mark ]]; then
        logError "no backup is made: a restore of the $1 is at work or came to no good end (begun $(<"$mark"))," \
            "and what is there now is not to become the newest backup. Run bin/restore again; or, where all is as it" \
            "should be, remove ${mark##*/} from the folder of backups (BACKUP_PATH in .env)"
    fi
}

# How much there was to back up, for the next needSpaceFor: restic counts otherwise (a dump is not as long as its tables).
rememberSize() { # TAG BYTES
    printf '%s\n' "$2" >"$(sizeFile "$1")"
}

sizeFile() { # TAG
    printf '%s\n' "$LAMPLIGHTER_STATE/backed-up-$1-bytes"
}

# Says, as a problem that lasts, that far less was backed up than is usual: a disk may be missing, or somebody has emptied
# a table. The backup is kept all the same, because it may be right. It is compared with the most that the last seven had,
# so that it is said for a week of nights.
noticeFewer() { # TAG '{"WHAT":NUMBER,...}'
    local fewer
    local -r known=$LAMPLIGHTER_STATE/backed-up-$1-counts limit=${BACKUP_FEWER_PERCENT:-30}
    touch -- "$known"
    fewer=$(jq --null-input --raw-output --argjson limit "$limit" --argjson is "$2" '
        [inputs] as $before | [$is | to_entries[] | . as $one | ([$before[][.key] // 0] | max // 0) as $most
            | select(.value < $most * (100 - $limit) / 100) | "\(.value) \(.key), where there have been \($most)"]
        | join("; ")' "$known")
    if [[ -n $fewer ]]; then
        logInfo "far fewer than before: $fewer"
        leaveProblem "fewer-$1" "the newest backup of the $1 has far less than those before: $fewer. See whether something" \
            "is missing; where all is right, it is not said any more after seven backups (more than $limit % less is far," \
            "BACKUP_FEWER_PERCENT in .env)"
    else
        takeAwayProblem "fewer-$1"
    fi
    { tail --lines=6 -- "$known" && printf '%s\n' "$2"; } >"$known.new"
    replaceFile "$known.new" "$known"
}

# "snapshot 1f2e3d4c, 1.2GiB, of it new: 3.4MiB"
describeSnapshot() { # RESTIC'S-SUMMARY
    local id bytes added
    read -r id bytes added < <(jq --raw-output '"\(.snapshot_id[:8]) \(.total_bytes_processed) \(.data_added_packed)"' <<<"$1")
    printf 'snapshot %s, %s, of it new: %s' "$id" "$(inBytes "$bytes")" "$(inBytes "$added")"
}

# Passes a dump on, and keeps the facts that stand at its very end.
keepFacts() { # FILE
    perl "$LAMPLIGHTER_SBIN/lib/dump-facts.pl" "$1"
}

# The facts that a dump, or a file of keepFacts, carries: a JSON object a line.
factsOf() { # FILE
    perl "$LAMPLIGHTER_SBIN/lib/dump-facts.pl" <"$1"
}

# "12 tables with 34567 rows, 4 users, ..." of those.
describeFacts() { # FILE
    factsOf "$1" | jq --raw-output 'select(.server) |
        "\(.tables) tables with \(.rows) rows, \(.views) views, \(.triggers) triggers, \(.routines) routines, \(.events) events, \(.users) users, MariaDB \(.server)"'
}
