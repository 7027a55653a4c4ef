# shellcheck shell=bash
# MariaDB's whole configuration: the stack's, what fits the container's memory, and what the stack's owner adds
# (local/mariadb.d).
# shellcheck source=target-sbin/lib/memory.sh
source "$LAMPLIGHTER_SBIN/lib/memory.sh"
# shellcheck source=service/mysql/bin/replica.sh
source "$LAMPLIGHTER_BIN/replica.sh"

writeConfiguration() { # FILE [with-local]
    local most
    most=$(bufferPool "$(memoryLimit)")
    {
        printf '!include /usr/local/conf/mariadb.cnf\n[mariadbd]\ninnodb_buffer_pool_size = %d\ninnodb_buffer_pool_size_max = %d\n' \
            "$(fittedPool "$most" "$(tableBytes)")" "$most"
        if [[ -n ${2:-} ]] && hasLocal mariadb.d cnf; then printf '!includedir %s/mariadb.d\n' "$LAMPLIGHTER_LOCAL"; fi
        replicaConfiguration
    } >"$1"
}

localFolders=(mariadb.d:cnf)

# InnoDB's tables as they are on the disk.
tableBytes() {
    find /var/lib/mysql/data -name '*.ibd' -printf '%b\n' 2>/dev/null | awk '{ blocks += $1 } END { printf "%d\n", blocks * 512 }'
}

# Of tables that have grown since MariaDB's start. Nothing where the stack's owner has a size of his own.
growBufferPool() {
    local most now wanted
    if grep --quiet --no-messages --ignore-case --extended-regexp '^[[:space:]]*(loose[-_])?innodb[-_]buffer[-_]pool[-_]size[[:space:]]*=' \
        "$LAMPLIGHTER_LOCAL"/mariadb.d/*.cnf; then
        return
    fi
    read -r now most < <(mariadb --batch --skip-column-names --execute='SELECT @@innodb_buffer_pool_size, @@innodb_buffer_pool_size_max')
    wanted=$(fittedPool "$most" "$(tableBytes)")
    # By a quarter at least: it is done each hour, and not for little.
    if ((wanted <= now + now / 4 && (wanted <= now || wanted < most))); then return; fi
    mariadb --execute="SET GLOBAL innodb_buffer_pool_size = $wanted"
    logInfo "MariaDB keeps $(sizeOf "$wanted") of its tables in memory from now on (before: $(sizeOf "$now")): they have grown"
}

# MariaDB says of an unknown setting what it is, and not where.
daemonFault() { # [with-local]
    local configuration=/run/mariadb-check.cnf place=service/mysql/conf said setting
    local -a files=("$LAMPLIGHTER_CONF/mariadb.cnf")
    if [[ -n ${1:-} ]]; then place=local/mariadb.d files=("$LAMPLIGHTER_LOCAL"/mariadb.d/*.cnf); fi
    writeConfiguration "$configuration" "${1:-}"
    if said=$(mariadbd --defaults-file="$configuration" --verbose --help 2>&1 >/dev/null); then return; fi
    sed --quiet --regexp-extended 's#^.*error: (.*) in config file:? (/.*) at line:? ([0-9]+).*$#\2:\3: \1#p' <<<"$said"
    setting=$(sed --quiet --regexp-extended "s/.*unknown (variable|option) '-*([^'=]+).*/\2/p" <<<"$said" | sed --quiet 1p)
    if [[ -n $setting ]]; then withPlace "$setting" "MariaDB knows no setting $setting" "${files[@]}"; fi
    sed --quiet --regexp-extended "s#^.*\\[ERROR\\] (.*)#$place: \\1#p" <<<"$said"
    printf '%s: MariaDB would not start: %s\n' "$place" "$said"
}
