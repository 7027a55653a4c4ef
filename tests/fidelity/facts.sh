#!/usr/bin/env bash
# shellcheck disable=SC2016 # they are names in SQL
# Prints all there is to tell about what make.sh makes, by the server's own words and sums and by nothing that a dump says: `all` of it, or
# what a backup as `sql` brings back. Its other arguments are a client that takes statements as its last one and prints rows without their
# names.
set -Eeuo pipefail

ask() { # STATEMENTS
    "${client[@]}" "$1" </dev/null
}

forEach() { # STATEMENT-THAT-NAMES-THEM STATEMENT, in which ? is a name
    local names name
    names=$(ask "$1")
    while IFS= read -r name; do ask "${2//\?/$name}"; done <<<"$names"
}

facts() { # TYPE-OF-A-FLOAT
    ask 'USE fidelity; SHOW CREATE DATABASE fidelity'
    forEach "SELECT table_name FROM information_schema.tables WHERE table_schema = 'fidelity' ORDER BY 1" 'SHOW CREATE TABLE fidelity.`?`'
    forEach "SELECT table_name FROM information_schema.tables WHERE table_schema = 'fidelity' AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY 1" \
        'CHECKSUM TABLE fidelity.`?` EXTENDED'
    ask 'USE fidelity;
        SELECT id, CAST(single AS '"$1"'), twice, exact, HEX(flag), old FROM numbers ORDER BY id;
        SELECT * FROM days ORDER BY id;
        SELECT *, row_start, row_end FROM versions FOR SYSTEM_TIME ALL ORDER BY id, row_start;
        SELECT id, address, four, name, ST_AsText(shape), HEX(direction), kind, flags, MD5(packed), twice, kept, hidden, document FROM kinds ORDER BY id;
        SELECT id FROM crashed_safely WHERE MATCH (text) AGAINST ("+found" IN BOOLEAN MODE);
        SELECT id, HEX(text) FROM remarks;
        SELECT SUM(id), SUM(LENGTH(text)) FROM archived;
        SELECT next_not_cached_value, minimum_value, maximum_value, start_value, increment, cache_size, cycle_option FROM ids;
        SELECT total_of(id), fidelity.tools.one() FROM parents;
        SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = "fidelity" AND auto_increment IS NOT NULL ORDER BY 1;
        SELECT table_name, create_time IS NULL, row_format, table_collation, create_options, table_comment FROM information_schema.tables WHERE table_schema = "fidelity" ORDER BY 1;
        SELECT trigger_name, action_order, action_statement, definer, sql_mode FROM information_schema.triggers WHERE trigger_schema = "fidelity" ORDER BY 1;
        SELECT routine_name, routine_type, definer, sql_mode, MD5(routine_definition) FROM information_schema.routines WHERE routine_schema = "fidelity" ORDER BY 1, 2;
        SELECT event_name, definer, time_zone, starts, status, on_completion, event_comment FROM information_schema.events WHERE event_schema = "fidelity" ORDER BY 1;
        SELECT table_name, definer, view_definition FROM information_schema.views WHERE table_schema = "fidelity" ORDER BY 1;
        SELECT user, host, JSON_REMOVE(priv, "$.password_last_changed", "$.default_role") FROM mysql.global_priv WHERE user IN ("locked", "expiring", "expired", "keeper", "helper", "PUBLIC") ORDER BY 1, 2;
        SELECT host, user, role, admin_option FROM mysql.roles_mapping ORDER BY 1, 2, 3;
        SHOW GRANTS FOR locked@localhost;
        SHOW GRANTS FOR expiring@"192.0.2.%";
        SHOW GRANTS FOR PUBLIC;
        SELECT server_name, host, db, username, password, port, wrapper FROM mysql.servers ORDER BY 1;
        SELECT name, dl FROM mysql.plugin ORDER BY 1;
        SELECT name, time_zone_id FROM mysql.time_zone_name WHERE time_zone_id = 77;
        SELECT `offset`, abbreviation FROM mysql.time_zone_transition_type WHERE time_zone_id = 77;
        SELECT engine, support FROM information_schema.engines WHERE engine IN ("ARCHIVE", "BLACKHOLE") ORDER BY 1'
}

# What is only in the copy of MariaDB's files.
factsOfFiles() {
    ask 'SELECT id, v FROM fidelity.transactions FOR SYSTEM_TIME ALL ORDER BY id, v;
        SELECT id, HEX(CAST(single AS DOUBLE)) FROM fidelity.numbers ORDER BY id;
        SELECT * FROM mysql.of_ours; SELECT mysql.of_ours()'
}

# A role becomes a user of any host, and what is so by itself is said.
asSql() {
    sed --regexp-extended '/^fidelity\.(numbers|transactions)\t/d; s/keeper(`?)@`?%?`?/keeper\1/g; s/page_checksum=1 //'
}

client=("${@:2}")
case ${1:-} in
all)
    facts DOUBLE
    factsOfFiles
    ;;
sql) facts CHAR | asSql ;;
*)
    echo "usage: ${0##*/} all|sql CLIENT..." >&2
    exit 2
    ;;
esac
