# shellcheck shell=bash
# Secrets and backups: none can be read or replaced from a container that it is not for.

# In files, environments and command lines. What is looked for is on no command line itself.
searchFor() { # TEXT...
    {
        find / '(' -path /proc -o -path /sys -o -path /usr -o -path /var/lib/mysql -o -path /var/backups/repository ')' -prune -o \
            -type f -readable -size -2048 -print0
        find /proc -maxdepth 2 '(' -path '/proc/[0-9]*/environ' -o -path '/proc/[0-9]*/cmdline' ')' -readable -print0
    } 2>/dev/null | perl -0ne '
        BEGIN { open my $wanted, "<&=3"; local $/ = "\n"; chomp(@wanted = <$wanted>) }
        chomp;
        open my $file, "<", $_ or next;
        my $content = do { local $/; <$file> } // "";
        for my $text (@wanted) { print "$_ has ", substr($text, 0, 6), "...\n" if index($content, $text) >= 0 }' 3< <(printf '%s\n' "$@")
}

# What these services have no use for.
secretsOfOthers() { # NAME-OF-THEIR-OWN...
    local file
    for file in .secrets/*; do
        if [[ " $* " != *" ${file##*/} "* ]]; then printf '%s\n' "$(<"$file")"; fi
    done
}

nobodyFindsSecrets() { # SERVICE USERS NAME-OF-ITS-OWN...
    local -a secrets
    local probe=marker-of-the-attack-$EPOCHREALTIME
    markSecrets
    mapfile -t secrets < <(secretsOfOthers "${@:3}")
    expectEqual 'the secrets that are looked for, and those of its own' "$(find .secrets -type f -size +0 | wc --lines)" "$((${#secrets[@]} + $# - 2))"
    # What is in a file that one may read is found.
    inside "$1" sh -c 'cat >/tmp/marker && chmod 0644 /tmp/marker' <<<"$probe"
    expectMatch 'the search' /tmp/marker "$(attackAs "$1" "$2" searchFor "$probe")"
    inside "$1" rm /tmp/marker
    expectNothing "what $2 finds in $1" "$(attackAs "$1" "$2" searchFor "${secrets[@]}")"
}

# The supervisor's journal and the output of runs tell who asked for what, and what it said.
readWhatTheSupervisorKeeps() {
    find /var/lib/lamplighter /run/requests /run/php.lock /run/php-request.sock '(' -type f -o -type s ')' '(' -readable -o -writable ')' 2>/dev/null
}

applicationReadsNoJournal() {
    expectMatch 'what root finds' journal "$(attack php 0 readWhatTheSupervisorKeeps)"
    expectNothing "what $application reads or writes" "$(attack php "$application" readWhatTheSupervisorKeeps)"
}

# In a folder that all share, a file of the attacker's own takes the place of a mounted one, in every container.
replaceSecrets() { # NAME...
    local name
    for name; do
        rm --force -- "/run/secrets/$name"
        if echo password-of-the-attack >"/run/secrets/$name"; then printf 'replaced: /run/secrets/%s\n' "$name"; fi
    done
}

forgetReplaced() { # NAME...
    for name; do rm --force -- "/run/secrets/$name"; done
}

replacedSecretsIn() { # SERVICE
    inside "$1" sh -c 'grep --files-with-matches password-of-the-attack /run/secrets/* 2>/dev/null' </dev/null || true
}

mendSecrets() { # NAME...
    local -a rest
    attack php 0 forgetReplaced "$@"
    if [[ -n ${detached:-} ]]; then
        mapfile -t rest < <(others php)
        "${compose[@]}" restart "${rest[@]}"
        waitUntilHealthy "${rest[@]}"
    fi
}

nobodyReplacesSecrets() { # USER
    local service said found=''
    local -a names
    detached=''
    mapfile -t names < <(cd .secrets && ls)
    # shellcheck disable=SC2064 # these words
    trap "mendSecrets ${names[*]}" EXIT
    said=$(attack php "$1" replaceSecrets "${names[@]}")
    while read -r service; do found+=$(replacedSecretsIn "$service" | sed "s/^/$service reads the attacker's /"); done < <(others php)
    detached=$found
    expectNothing "after: $said" "$found"
}

# Backups are what an attacker looks for after the data.
findBackups() { # NAME
    find / '(' -path /proc -o -path /sys ')' -prune -o -name "$1" -print 2>/dev/null
}

nobodyFindsBackups() { # SERVICE USERS
    local name=backup-marker-$$
    inside backup touch "/var/backups/$name"
    # shellcheck disable=SC2064 # this file
    trap "inside backup rm /var/backups/$name" EXIT
    expectEqual 'what backup finds' "/var/backups/$name" "$(attack backup '' findBackups "$name")"
    expectNothing "what $2 finds in $1" "$(attackAs "$1" "$2" findBackups "$name")"
}

testCase 'attack: the application finds no secret of other services, in no file, environment or command line' nobodyFindsSecrets php "$application" redis-password site-mail
testCase 'attack: root of php finds no secret of other services, whoever it becomes' nobodyFindsSecrets php anybody redis-password site-mail
testCase 'attack: who has taken apache2 over finds no secret' nobodyFindsSecrets apache2 www-data,0
testCase "attack: who has taken mysql over finds no secret but its own and the backups'" nobodyFindsSecrets mysql mysql,0 backup-password mariadb-password
testCase 'attack: who has taken redis over finds no secret but its own' nobodyFindsSecrets redis redis,0 redis-password
# Outside of a case: what Compose says of it is nobody's.
unmarkSecrets 2>>"$results/attackers-errors"
testCase "attack: the application reads nothing of what php's supervisor keeps" applicationReadsNoJournal
testCase "attack: the application replaces no secret, not the backups' password either, before the repository is made" nobodyReplacesSecrets "$application"
testCase "attack: root of php replaces no secret, not the backups' password either, before the repository is made" nobodyReplacesSecrets 0
testCase 'attack: root of php finds no backup, whoever it becomes' nobodyFindsBackups php anybody
testCase 'attack: who has taken apache2 over finds no backup' nobodyFindsBackups apache2 www-data,0
testCase 'attack: who has taken redis over finds no backup' nobodyFindsBackups redis redis,0
