# shellcheck shell=bash disable=SC2154 # folder is finding.sh's
# A MariaDB of the finding's own, in its folder and without a network. Needs finding.sh.

# Leaves it running; it ends with the finding.
startMariaDb() { # OPTION-OF-THE-SERVER...
    local -a as=() options
    needDebian mariadb-server-core=1:10.11.19-0+deb12u1 mariadb-client-core=1:10.11.19-0+deb12u1 mariadb-client=1:10.11.19-0+deb12u1 \
        libaio1=0.3.113-4 libnuma1=2.0.16-1 liburing2=2.3-3
    root=$folder/root
    export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
    mkdir "$folder/data"
    if ((EUID == 0)); then as=(--user=root); fi
    options=(--no-defaults "${as[@]}" --basedir="$root/usr" --datadir="$folder/data" --lc-messages-dir="$root/usr/share/mysql")
    "$root/usr/sbin/mariadbd" "${options[@]}" --version | sed 's/.*Ver/mariadbd/; s/ for .*//'
    if ! "$root/usr/bin/mariadb-install-db" --no-defaults "${as[@]}" --basedir="$root/usr" --datadir="$folder/data" --skip-test-db >"$folder/log" 2>&1; then
        cat -- "$folder/log" >&2
        exit 1
    fi
    "$root/usr/sbin/mariadbd" "${options[@]}" --skip-grant-tables --skip-networking --socket="$folder/socket" --pid-file="$folder/pid" "$@" \
        >>"$folder/log" 2>&1 &
    server=$!
    trap 'kill -KILL "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf -- "$folder"' EXIT
    until [[ $(sql 'SELECT 1' 2>/dev/null) == 1 ]]; do
        if ! kill -0 "$server"; then cat -- "$folder/log" && exit 1; fi
        sleep 0.1
    done
}

sql() { # STATEMENTS
    "$root/usr/bin/mariadb" --no-defaults --socket="$folder/socket" --batch --skip-column-names --execute="$1"
}
