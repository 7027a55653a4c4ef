# shellcheck shell=bash
# Memory, processes, disk: who has taken php over can use up what php has, and nothing of what the others have.

takeMemory() { # MEGABYTES
    perl -e 'my @taken; push @taken, chr(65 + $_ % 26) x (1 << 20) for 1 .. $ARGV[0]; print "$ARGV[0] MB are taken\n"' "$1"
}

# All containers but that one, as they were started.
startsOfOthers() { # SERVICE
    local service
    while read -r service; do printf '%s %s\n' "$service" "$(startsOf "$service")"; done < <(others "$1")
}

# Others go on, and the site comes back by itself.
onlyPhpSuffers() { # STARTS-BEFORE
    expectEqual 'when the others were started' "$1" "$(startsOfOthers php)"
    waitUntil 60 'the site is back' siteIsUp
    waitUntilHealthy php
}

# More than there is, with what Docker adds to it on a machine that swaps.
memoryIsBounded() { # USER
    local limit said before
    before=$(startsOfOthers php)
    limit=$(($(inspect php '{{.HostConfig.Memory}}') >> 20))
    if ((limit > 600)); then fail "php has $limit MB, which is too much to be taken by a test: MEMORY_PHP in tests/e2e/run"; fi
    said=$(attack php "$1" takeMemory 1264)
    onlyPhpSuffers "$before"
    expectNothing 'memory' "$said"
}

startProcesses() { # NUMBER
    perl -e '
        my @started;
        for (1 .. $ARGV[0]) {
            my $pid = fork;
            last if !defined $pid;
            if (!$pid) { sleep 30; exit }
            push @started, $pid;
        }
        print "$ARGV[0] processes are started\n" if @started == $ARGV[0];
        kill KILL => @started;
        1 while wait > 0' "$1"
}

processesAreBounded() { # USER
    local limit said before
    before=$(startsOfOthers php)
    limit=$(inspect php '{{.HostConfig.PidsLimit}}')
    if [[ ! $limit =~ ^[1-9][0-9]*$ || $limit -gt 1000 ]]; then limit=350; fi
    said=$(attack php "$1" startProcesses $((limit + 50)))
    onlyPhpSuffers "$before"
    expectNothing 'processes' "$said"
}

# Where there is no folder of the stack: each is written full and emptied again.
fillUp() { # MEGABYTES
    local folder
    for folder in / /tmp /dev /dev/shm /run /run/lock /etc /opt /root /usr/local /var/cache /var/lib /var/log /var/www; do
        if dd if=/dev/zero of="$folder/marker-of-the-attack" bs=1M count="$1" 2>/dev/null; then printf '%s took %s MB\n' "$folder" "$1"; fi
        rm --force -- "$folder/marker-of-the-attack" 2>/dev/null
    done
}

diskIsBounded() { # USER
    local said before
    before=$(startsOfOthers php)
    said=$(attack php "$1" fillUp 600)
    onlyPhpSuffers "$before"
    expectNothing 'disk' "$said"
}

# Programs that an attacker leaves there would be run by others of the container.
writeIntoRoot() {
    local folder
    for folder in / /bin /etc /etc/php /home /opt /root /srv /usr /usr/bin /usr/lib /usr/local /usr/local/bin /usr/local/conf /usr/local/sbin /var /var/lib; do
        if touch "$folder/marker-of-the-attack"; then printf 'uid %s wrote into %s\n' "$(id --user)" "$folder"; fi
        rm --force -- "$folder/marker-of-the-attack"
    done 2>/dev/null
}

rootIsReadOnly() {
    local service
    for service in "${services[@]}"; do expectNothing "what was written in $service" "$(attackAs "$service" 0 writeIntoRoot)"; done
}

# What the effects above show of php is true of each.
everyContainerIsBounded() {
    local service
    for service in "${services[@]}"; do
        expectMatch "memory and processes of $service" '^[1-9][0-9]* [1-9][0-9]*$' "$(inspect "$service" '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}')"
    done
}

testCase 'attack: the application cannot take more memory than php has, and only php suffers' memoryIsBounded "$application"
testCase 'attack: root of php cannot take more memory than php has, and only php suffers' memoryIsBounded 0
testCase 'attack: the application cannot start more processes than php has, and only php suffers' processesAreBounded "$application"
testCase 'attack: root of php cannot start more processes than php has, and only php suffers' processesAreBounded 0
testCase 'attack: the application cannot fill the disk from outside the folders of the stack' diskIsBounded "$application"
testCase 'attack: root of php cannot fill the disk from outside the folders of the stack' diskIsBounded 0
testCase 'attack: root of no container can write into its root file system' rootIsReadOnly
testCase 'memory and processes of every container are bounded' everyContainerIsBounded
