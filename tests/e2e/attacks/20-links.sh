# shellcheck shell=bash
# Links: who has taken a container over cannot plant one where another container writes, so that it would write elsewhere.

# In every folder of those that can be written to.
plantLinks() { # NAME FOLDER...
    local name=$1
    shift
    find "$@" '(' -path /proc -o -path /sys ')' -prune -o -type d -print0 2>/dev/null | perl -0ne '
        BEGIN { $name = shift }
        chomp;
        if (symlink "/marker-of-the-attack", "$_/$name") { print "$_\n"; unlink "$_/$name" }' "$name"
}

# "HOST-FOLDER<tab>FOLDER-INSIDE" of what is mounted; without the second word, of what can be written to.
mountsOf() { # SERVICE [all]
    docker inspect "$(container "$1")" |
        jq --raw-output --arg which "${2:-}" '.[].Mounts[] | select(.RW or $which == "all") | "\(.Source)\t\(.Destination)"'
}

# What a path inside is outside; nothing, where it is the container's own.
hostPath() { # PATH < MOUNTS
    local source inside found='' depth=-1
    while IFS=$'\t' read -r source inside; do
        if [[ $1/ == "$inside"/* && ${#inside} -gt $depth ]]; then
            depth=${#inside}
            found=$source${1#"$inside"}
        fi
    done
    printf '%s\n' "$found"
}

# What others write there is told by what is mounted.
nobodyPlantsLinks() { # SERVICE USERS [EXCEPT-BELOW]
    local service path outside source inside mounts planted theirs
    local -a folders
    mounts=$(mountsOf "$1" all)
    mapfile -t folders < <(cut --fields=2 <<<"$mounts")
    planted=$(attackAs "$1" "$2" plantLinks link-of-the-attack "${folders[@]}")
    # Each has something of its own to write to.
    expectMatch 'where links can be planted' /var/ "$planted"
    theirs=$(others "$1" | while read -r service; do mountsOf "$service" | sed "s/\$/\t$service/"; done)
    while read -r path; do
        if [[ -z $path || $path/ == "${3:-/nowhere}"/* ]]; then continue; fi
        outside=$(hostPath "$path" <<<"$mounts")
        while IFS=$'\t' read -r source inside service; do
            if [[ $outside/ == "$source"/* ]]; then
                printf '%s could plant a link in %s, where %s writes: %s%s\n' "$1" "$path" "$service" "$inside" "${outside#"$source"}"
            fi
        done <<<"$theirs"
    done <<<"$planted" >"$results/planted"
    expectNothing 'links' "$(<"$results/planted")"
}

# MariaDB's personality writes this file at each start.
linkInitFile() {
    if mv /run/mysqld/init.sql /run/mysqld/init.sql.away && ln --symbolic /var/backups/marker-of-the-attack /run/mysqld/init.sql; then
        echo 'the link is planted'
    fi
}

unlinkInitFile() {
    rm --force /run/mysqld/init.sql /run/mysqld/init.sql.away
}

nothingIsOverwrittenThroughLinks() {
    local planted since
    inside backup sh -c 'echo untouched >/var/backups/marker-of-the-attack'
    trap 'inside backup rm -f /var/backups/marker-of-the-attack' EXIT
    since=$(now)
    planted=$(attack php 0 linkInitFile)
    if [[ -n $planted ]]; then
        trap 'inside backup rm -f /var/backups/marker-of-the-attack; unlinkAndStart' EXIT
        "${compose[@]}" restart --timeout 60 mysql
        waitForLog 60 mysql "$since" 'the service runs'
    fi
    expectEqual "the marker among the backups, after: $planted" untouched "$(inside backup cat /var/backups/marker-of-the-attack)"
}

unlinkAndStart() {
    attack php 0 unlinkInitFile
    "${compose[@]}" restart --timeout 60 mysql
    waitUntilHealthy mysql
}

# In the place of each file that the application may move, one that leads to a file of the supervisor's. Root rotates there.
linkLogs() {
    local file
    for file in /var/log/php/*; do
        if mv "$file" "$file.away" && ln --symbolic /var/lib/lamplighter/marker-of-the-attack "$file"; then printf '%s is a link\n' "$file"; fi
    done
}

haveLogsDue() {
    printf 'logrotate state -- version 2\n"/var/log/php/fpm.log" 2020-1-1-0:0:0\n' >/var/lib/lamplighter/logrotate.state
}

unlinkLogs() {
    local file
    for file in /var/log/php/*.away; do
        rm --force "${file%.away}" && mv "$file" "${file%.away}"
    done
    rm --force /var/log/php/*.away*
}

ownLinksLeadNowhere() {
    local planted before
    trap 'attack php "$application" unlinkLogs; attack php 0 rm -f /var/lib/lamplighter/marker-of-the-attack' EXIT
    attack php 0 touch /var/lib/lamplighter/marker-of-the-attack
    before=$(attack php 0 stat --format='%i %a %u %s' /var/lib/lamplighter/marker-of-the-attack)
    planted=$(attack php "$application" linkLogs)
    expectMatch 'what the application has planted' '/var/log/php/fpm\.log is a link' "$planted"
    # The rotation passes over links.
    attack php "$application" rm --force /var/log/php/fpm.log.1
    attack php 0 haveLogsDue
    expectOutcome succeeded php rotate-logs
    expectOutcome succeeded php task-check
    expectEqual 'the files that were rotated' '' "$(attack php 0 find /var/log/php -name fpm.log.1)"
    expectEqual "the marker of the supervisor's, after: $planted" "$before" \
        "$(attack php 0 stat --format='%i %a %u %s' /var/lib/lamplighter/marker-of-the-attack)"
    isItself php
    # What is no link is rotated just then.
    attack php "$application" unlinkLogs
    attack php 0 haveLogsDue
    expectOutcome succeeded php rotate-logs
    expectEqual 'the files that were rotated' /var/log/php/fpm.log.1 "$(attack php 0 find /var/log/php -name fpm.log.1)"
}

# Sockets of daemons that somebody else connects to: renamed, and put back again.
moveDaemonsSocket() { # PATH
    if mv --no-target-directory -- "$1" "$1.away" && mv --no-target-directory -- "$1.away" "$1"; then printf '%s was away\n' "$1"; fi
}

daemonsSocketsStay() { # SERVICE USERS PATH...
    local path
    for path in "${@:3}"; do
        attack "$1" '' test -S "$path"
        expectNothing "what $2 in $1 did to sockets" "$(attackAs "$1" "$2" moveDaemonsSocket "$path")"
    done
}

testCase 'attack: the application plants no link where another container writes' nobodyPlantsLinks php "$application"
testCase 'attack: root of php plants no link where another container writes' nobodyPlantsLinks php 0
testCase 'attack: who has taken apache2 over plants no link where another container writes' nobodyPlantsLinks apache2 www-data,0
testCase 'attack: who has taken mysql over plants no link where another container writes, but among the backups' nobodyPlantsLinks mysql mysql,0 /var/backups
testCase 'attack: who has taken redis over plants no link where another container writes' nobodyPlantsLinks redis redis,0
testCase 'attack: root of php has no file overwritten by a link in the place of one that MariaDB writes at its start' nothingIsOverwrittenThroughLinks
testCase "attack: links that the application plants in php's own folders lead root nowhere" ownLinksLeadNowhere
testCase 'attack: the application cannot take the sockets of MariaDB and Redis away' daemonsSocketsStay php "$application" /run/mysqld/mysqld.sock /run/redis/redis.sock
testCase 'attack: root of php cannot take the sockets of MariaDB and Redis away' daemonsSocketsStay php 0 /run/mysqld/mysqld.sock /run/redis/redis.sock
testCase "attack: who has taken apache2 over cannot take PHP's socket away" daemonsSocketsStay apache2 www-data,0 /run/php/php-fpm.sock
