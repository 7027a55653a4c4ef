# shellcheck shell=bash
# Files that are replaced as a whole: who reads one finds the old one or the new one, also after a power cut.

# The content is on the disk before it has the name, and the name before this returns.
replaceFile() { # NEW-FILE FILE
    sync -- "$1"
    mv --force --no-target-directory -- "$1" "$2"
    sync -- "$(dirname -- "$2")"
}
