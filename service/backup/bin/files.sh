# shellcheck shell=bash
# The site's files in a snapshot: their list, and restoring them elsewhere. Sourced by drill-files.sh and
# restore-files.sh. RESTIC-COMMAND is `inRepository`, or `atOffsite` for the copy.

# Beside what files have always: attributes of their users, ACLs and capabilities (file-attributes.pl has these, too).
# What else there is takes rights that a container does not have, or is the machine's own.
restoredAttributes=(--include-xattr 'user.*' --include-xattr 'system.posix_acl_*' --include-xattr security.capability)

# A line each: its path, type, owner, group, mode, times of change, inode, size.
listFiles() { # RESTIC-COMMAND SNAPSHOT
    "$1" ls --json --no-lock "$2" | jq --raw-output 'select(.struct_type == "node")
        | [.path, .type, .uid, .gid, .mode, .mtime, .ctime, .inode, (.size // 0)] | @tsv'
}

# Restores what is at or below the paths that have a + before them, and not what has a -, to FOLDER/PATH, with the folders
# above; and reads it once more to compare it.
restoreAside() { # RESTIC-COMMAND SNAPSHOT FOLDER +PATH|-PATH...
    local path
    local -a options=()
    for path in "${@:4}"; do options+=("--include=$(patternOf "$path")"); done
    "$1" restore "$2" --target "$3" --sparse --verify "${restoredAttributes[@]}" "${options[@]}" >&2
}

# Of a name that is no UTF-8 the list has not all bytes. The dot keeps a line's end that is the name's own.
patternOf() { # +PATH|-PATH
    local path not=''
    if [[ $1 == -* ]]; then not='!'; fi
    path=$(printf '%s.' "${1:1}" | sed 's/[][*?\\]/\\&/g; s/\xef\xbf\xbd/[^\x01-\x7f]/g')
    printf '%s%s' "$not" "${path%.}"
}
