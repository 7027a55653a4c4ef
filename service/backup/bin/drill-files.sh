# shellcheck shell=bash
# The drill of the files: each night a part of them is restored into an empty folder and compared with what their
# snapshot says, and with the site's own where those have not been touched since; and a part of the repository is read and
# checked. In so many nights it is all of both. Which part it is, is counted, not read from the clock.

filesAside=$LAMPLIGHTER_STATE/drill-files
drilledFiles=$LAMPLIGHTER_STATE/drilled-files

drillFiles() { # SNAPSHOT
    local -r nights=${BACKUP_CHECK_NIGHTS:-7}
    local id night bytes compared
    local -a part
    id=$(ofSnapshot "$1" .short_id)
    endFilesAside
    mkdir --mode=0700 -- "$filesAside"
    listFiles inRepository "$id" >"$filesAside/list"
    compareNumber "$1"
    mapfile -t -d '' part < <("$LAMPLIGHTER_BIN/drill-part.pl" "$drilledFiles" "$nights" "$site" <"$filesAside/list")
    if ((${#part[@]} < 3)); then logError "no part of the files of snapshot $id could be chosen to be restored"; fi
    night=${part[0]} bytes=${part[1]}
    part=("${part[@]:2}")
    if ! inRepository check --read-data-subset="$night/$nights" >&2; then
        logError 'the repository of backups is DAMAGED: what is wrong with it is above'
    fi
    needSpace "$LAMPLIGHTER_STATE" "$((bytes + spaceReserve))" 'the files are not restored'
    if ! restoreAside inRepository "$id" "$filesAside/restored" "${part[@]/#/+}"; then
        logError "the files of snapshot $id CANNOT BE RESTORED: what failed is above"
    fi
    if ! compared=$("$LAMPLIGHTER_BIN/compare-files.pl" --live "$filesAside/restored" "${part[@]/#/+}" <"$filesAside/list"); then
        logError "the restored files of snapshot $id are NOT what was backed up: what differs is above"
    fi
    replaceFile "$drilledFiles.new" "$drilledFiles"
    endFilesAside
    logInfo "the files of $(ofSnapshot "$1" '.time[:19]'), snapshot $id: $compared; part $night of $nights of them, and of the repository, which was read and checked"
}

compareNumber() { # SNAPSHOT
    local files listed
    files=$(ofSnapshot "$1" .summary.total_files_processed)
    listed=$(awk -F'\t' '$2 == "file"' "$filesAside/list" | wc --lines)
    if ((listed < files)); then logError "the backup of the files has $listed of the $files files it was made of"; fi
}

endFilesAside() {
    rm -rf -- "$filesAside"
}
