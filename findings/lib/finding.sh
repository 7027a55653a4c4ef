# shellcheck shell=bash
# What every finding needs: a folder that goes away, packages in it, and a comparison that fails loudly.

folder=$(mktemp --directory)
trap 'rm -rf -- "$folder"' EXIT
differences=0

# Python packages, each pinned, in an environment of their own: `$folder/python/bin/python` has them.
needPython() { # NAME==VERSION...
    python3 -m venv "$folder/python"
    "$folder/python/bin/pip" --quiet --disable-pip-version-check install "$@"
    printf 'python %s\n' "$@"
}

# Debian packages, each pinned, unpacked below `$folder/root` and not installed. What they were pinned to may have left
# the archive: then there is nothing to see.
needDebian() { # NAME=VERSION...
    local package
    mkdir -p -- "$folder/packages"
    for package; do
        if ! (cd -- "$folder/packages" && apt-get -o APT::Sandbox::User=root download --quiet --quiet "$package"); then
            printf 'cannot see: no configured archive of this machine has %s\n' "$package" >&2
            exit 2
        fi
        printf 'debian %s\n' "$package"
    done
    for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder/root"; done
}

# Shows what was seen, and notes where it is something else than it was.
see() { # WHAT SEEN-BEFORE SEEN-NOW
    printf '\n%s\n' "$1"
    printf '    %s\n' "${3//$'\n'/$'\n    '}"
    if [[ $2 != "$3" ]]; then
        differences=$((differences + 1))
        printf '  CHANGED. It was:\n'
        printf '    %s\n' "${2//$'\n'/$'\n    '}"
    fi
}

conclude() {
    if ((differences)); then
        printf '\n%d of what is said here is no longer so.\n' "$differences"
        exit 1
    fi
    printf '\nAll as it was.\n'
}
