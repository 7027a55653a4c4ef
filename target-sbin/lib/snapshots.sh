# shellcheck shell=bash disable=SC2016 # variables of jq's
# Which snapshots there are, in the order in which they were added (snapshots.jq says why), and throwing away what is
# old. Sourced by repository.sh. RESTIC-COMMAND is `inRepository`, or `atOffsite` for the copy.

# At least so high is the place of the next one: what a copy has that is older than this repository.
placesBefore=$LAMPLIGHTER_BACKUPS/places-before

ofSnapshots() { # JQ'S ARGUMENT... < THEIR LIST
    jq -L "$LAMPLIGHTER_SBIN/lib" --raw-output --argjson now "$(date +%s)" "${@:1:$#-1}" "include \"snapshots\"; ${*: -1}"
}

listSnapshots() { # RESTIC-COMMAND [RESTIC'S ARGUMENT...]
    "$1" snapshots --json --no-lock "${@:2}"
}

# The newest snapshot with this tag, as restic describes it; nothing where there is none.
newestSnapshot() { # TAG
    listSnapshots inRepository --tag "$1" | ofSnapshots --compact-output --arg tag "$1" 'newest($tag)'
}

# The tag with the place of the snapshot that is made next.
nextPlace() {
    local floor
    floor=$(cat -- "$placesBefore" 2>/dev/null || true)
    listSnapshots inRepository | ofSnapshots --argjson floor "${floor:-0}" '"added-\(next_place($floor; $now))"'
}

# What is made here from now on is newer than all that the copy has.
followPlacesOf() { # RESTIC-COMMAND
    listSnapshots "$1" | ofSnapshots 'map(place) | max // 0' >"$placesBefore.new"
    replaceFile "$placesBefore.new" "$placesBefore"
}

# Only after a success, so that the last good backups outlive a series of failures: what counts is how many days there
# are backups of, not how long ago they were. All of the last two days stay (counted back from the newest backup), because
# of a day only the last one would: a backup made by hand after something broke would throw away the good one of that night.
forgetOld() { # TAG RESTIC-COMMAND
    local old
    local -a ids
    old=$(listSnapshots "$2" | ofSnapshots --arg tag "$1" --argjson days "${BACKUP_KEEP_DAYS:-14}" \
        --argjson weeks "${BACKUP_KEEP_WEEKS:-8}" --argjson months "${BACKUP_KEEP_MONTHS:-12}" \
        'outdated($tag; $days; $weeks; $months; $now)')
    if [[ -z $old ]]; then return; fi
    mapfile -t ids <<<"$old"
    "$2" forget --quiet "${ids[@]}"
}

# Leaves it to be seen which backups there are, for who sees no file of theirs.
noteSnapshots() {
    local list newest
    list=$(listSnapshots inRepository)
    newest=$(ofSnapshots 'told[0].at // empty' <<<"$list")
    if [[ -n $newest ]]; then
        leaveData snapshots "$newest" "$(ofSnapshots --compact-output told <<<"$list")" "$(ofSnapshots counted <<<"$list")"
    else
        takeAwayFact snapshots
    fi
}

# Snapshots whose time cannot be right, and a clock that cannot be: a line each.
wrongTimes() { # LIST
    ofSnapshots '
        (if judged($now).clock_is_right then empty else
            "the clock of this machine says \($now | todate), and its backups say that it is later: set the clock; nothing old is thrown away until then" end),
        ([misdated($now)] | if length > 0 then
            "the clock was wrong when these backups were made: \(join(", ")). What counts is the order in which they were added; to be rid of one: repository forget ID"
            else empty end)' <<<"$1"
}

sayWrongTimes() { # LIST
    local wrong
    wrong=$(wrongTimes "$1")
    if [[ -n $wrong ]]; then logInfo "$wrong"; fi
}
