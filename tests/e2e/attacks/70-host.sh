# shellcheck shell=bash
# The machine itself, and the processes beside the attacker's.

# Every way there is to a file that makes whoever runs it its owner: the system calls that take a mode.
leaveSetuid() { # FOLDER...
    perl -MFcntl -e '
        my %mknodat = (x86_64 => 259, aarch64 => 33);
        chomp(my $machine = qx(uname -m));
        umask 0;
        for my $folder (@ARGV) {
            next if !-w $folder;
            my $place = "$folder/setuid-of-the-attack";
            my $fresh = sub { unlink "$place-$_[0]"; open my $file, ">", "$place-$_[0]" or return; $file };
            $fresh->("chmod") and chmod 06755, "$place-chmod";
            my $opened = $fresh->("fchmod");
            chmod 06755, $opened if $opened;
            $fresh->("fchmodat2") and syscall 452, -100, "$place-fchmodat2", 06755, 0;
            sysopen my $made, "$place-open", O_CREAT | O_WRONLY, 06755;
            my $how = pack "Q3", O_CREAT | O_WRONLY, 06755, 0;
            syscall 437, -100, "$place-openat2", $how, length $how;
            syscall $mknodat{$machine}, -100, "$place-mknod", 0106755, 0 if $mknodat{$machine};
        }' "$@"
}

# What was left where this machine sees it. Empty files, but the attacker would write a program into them.
setuidOutside() {
    docker run --rm --network none --volume "$data:/stack/data:ro" --volume "$PWD/site:/stack/site:ro" --entrypoint find "$image" \
        /stack -type f -name 'setuid-of-the-attack*' -perm /6000 -printf '%M of uid %U: %p\n'
}

# A folder of the site that PHP writes to, as there is one for uploads.
makeFolderOfTheSite() {
    docker run --rm --network none --volume "$PWD/site:/site" --entrypoint install "$image" \
        --directory --owner="$application" --group="$application" --mode=0755 /site/of-the-attack
}

removeSetuid() {
    docker run --rm --network none --volume "$data:/stack/data" --volume "$PWD/site:/stack/site" --entrypoint find "$image" \
        /stack -name '*of-the-attack*' -prune -exec rm -rf '{}' +
}

readonly placesOfPhp='/var/www/site /var/www/site/of-the-attack /var/lib/php/sessions /var/lib/lamplighter /var/log/php /run/php /run/requests/php /run'

# Run by PHP, for a visitor.
phpLeavesNoSetuid() {
    trap removeSetuid EXIT
    makeFolderOfTheSite
    # shellcheck disable=SC2086 # words
    attackScript leaveSetuid $placesOfPhp >site/script-of-the-attack
    cat >site/run-of-the-attack.php <<'PHP'
<?php
$place = __DIR__ . '/of-the-attack/setuid-of-the-attack-php';
file_put_contents($place, '');
chmod($place, 06755);
echo shell_exec('bash script-of-the-attack 2>&1');
PHP
    expectMatch 'what PHP says' 'the attack is over' "$(web /run-of-the-attack.php)"
    expectMatch 'what PHP left' 'setuid-of-the-attack-chmod' "$(inside php ls /var/www/site/of-the-attack)"
    expectNothing 'files on this machine' "$(setuidOutside)"
}

# As root, for an operator who asks for an action: callbacks work with what the application has written.
callbackLeavesNoSetuid() {
    local file=service/php/bin/docker-callbacks.sh outcome
    cp -- "$file" "$results/callbacks-before"
    trap 'cat -- "$results/callbacks-before" >service/php/bin/docker-callbacks.sh; removeSetuid' EXIT
    makeFolderOfTheSite
    {
        declare -f leaveSetuid
        # shellcheck disable=SC2016 # it is the callback that expands
        printf 'CB_leave_setuid() {\n    leaveSetuid %s\n    setpriv --reuid=%s --regid=%s --init-groups -- bash -c "$(declare -f leaveSetuid); leaveSetuid %s"\n}\n' \
            "$placesOfPhp" "$application" "$application" "$placesOfPhp"
    } >>"$file"
    outcome=$(outcomeOf php root leave-setuid)
    expectEqual "what came of it: $(<"$results/output")" succeeded "$outcome"
    expectMatch 'what the callback left' 'setuid-of-the-attack-chmod' "$(inside php ls /var/lib/lamplighter)"
    expectNothing 'files on this machine' "$(setuidOutside)"
}

# None of it is done where it can be done: what is opened is not written to.
breakOut() {
    local folder=/tmp/of-the-attack disk
    mkdir --parents "$folder"
    mount -t tmpfs none "$folder" && echo 'a file system is mounted'
    mount --bind /etc "$folder" && echo 'a folder is mounted'
    disk=$(awk '$5 == "/etc/hostname" { print $3 }' /proc/self/mountinfo)
    mknod "$folder/disk" b "${disk%:*}" "${disk#*:}" && echo 'there is a device of the disk' && head --bytes=1 "$folder/disk" >/dev/null && echo 'and it is read'
    mknod "$folder/kmem" c 1 1 && head --bytes=1 "$folder/kmem" >/dev/null && echo 'memory of the machine is read'
    unshare --user --map-root-user true && echo 'a namespace of users is made'
    unshare --mount true && echo 'a namespace of mounts is made'
    nsenter --target 1 --mount true && echo 'another namespace is entered'
    chroot / true && echo 'the root is changed'
    (: >>/proc/sys/kernel/core_pattern) && echo 'settings of the kernel can be written'
    (: >>/proc/sysrq-trigger) && echo 'the machine can be restarted'
    (: >>/sys/kernel/uevent_helper) && echo 'the helper for devices can be written'
    find /sys/fs/cgroup -type f '(' -name cgroup.procs -o -name release_agent ')' -writable
    (: </proc/kcore) && head --bytes=1 /proc/kcore && echo 'memory of the kernel is read'
    dmesg >/dev/null && echo 'the log of the kernel is read'
    find / '(' -path /proc -o -path /sys ')' -prune -o -type s '(' -name 'docker*' -o -name 'containerd*' -o -name 'podman*' ')' -print
    find /dev -type b
    rm --force --recursive "$folder"
} 2>/dev/null

nobodyBreaksOut() { # SERVICE USERS
    expectNothing "what $2 in $1 could do" "$(attackAs "$1" "$2" breakOut)"
}

noneHasTheDockerSocket() {
    local service
    while read -r service; do nobodyBreaksOut "$service" 0; done < <(others backup)
}

# "PID NAME UID EFFECTIVE PERMITTED BOUNDING NO-NEW-PRIVILEGES" of each process.
listProcesses() {
    local file
    for file in /proc/[0-9]*/status; do
        awk '{ of[$1] = $2 } END { if (of["Pid:"]) print of["Pid:"], of["Name:"], of["Uid:"], of["CapEff:"], of["CapPrm:"], of["CapBnd:"], of["NoNewPrivs:"] }' "$file" 2>/dev/null
    done
}

nobodyIsRoot() {
    local service
    for service in apache2 mysql redis scheduler; do
        expectNothing "processes of $service that are root, or may have a right of root's" \
            "$(attack "$service" '' listProcesses | awk '$3 == 0 || ($4 $5 $6) ~ /[1-9a-f]/ || $7 != 1')"
    done
}

phpHasThreeRights() {
    local processes
    processes=$(attack php 0 listProcesses)
    expectMatch 'the processes of php' 'php-fpm' "$processes"
    expectNothing "php's daemon, where it is root or has a right of root's" "$(awk '$2 ~ /^php-fpm/ && ($3 == 0 || ($4 $5) ~ /[1-9a-f]/)' <<<"$processes")"
    # KILL, SETGID and SETUID are 5, 6 and 7.
    expectNothing 'processes of php with more than three rights' "$(awk '$6 !~ /^0*(e0|0)$/ || $7 != 1' <<<"$processes")"
}

# Of processes that are somebody else's.
readProcesses() {
    local folder what
    for folder in /proc/[0-9]*; do
        if [[ $(stat --format=%u "$folder") == "$(id --user)" ]]; then continue; fi
        for what in environ mem maps stack; do
            if head --bytes=1 "$folder/$what" >/dev/null; then printf '%s of %s is read\n' "$what" "$(<"$folder/comm")"; fi
        done
        if (: >>"$folder/mem"); then printf 'memory of %s can be written\n' "$(<"$folder/comm")"; fi
        if ls "$folder/fd" "$folder/root/" >/dev/null; then printf 'files of %s are seen\n' "$(<"$folder/comm")"; fi
        if kill -CONT "${folder##*/}"; then printf '%s takes signals\n' "$(<"$folder/comm")"; fi
    done 2>/dev/null
}

supervisorIsClosed() {
    expectMatch 'what root of php can do' 'takes signals' "$(attack php 0 readProcesses)"
    expectNothing 'what the application can do to processes of others' "$(attack php "$application" readProcesses)"
}

# Names alone: the numbers of processes are each container's own.
seeOthers() { # SERVICE
    local daemon
    for daemon in mysql:mariadbd redis:redis-server php:php-fpm apache2:apache2 scheduler:scheduler host:dockerd host:containerd host:systemd; do
        if [[ ${daemon%%:*} != "$1" ]]; then cat /proc/[0-9]*/comm | grep "^${daemon#*:}"; fi
    done
}

nobodySeesOthers() {
    local service
    for service in "${services[@]}"; do expectNothing "whose processes $service sees" "$(attack "$service" 0 seeOthers "$service")"; done
    expectMatch 'what is seen at all' mariadbd "$(attack mysql '' seeOthers nobody)"
}

# Docker's health check leaves itself a marker: where others may, a dead daemon would be called healthy.
makeMarker() { # PATH
    if touch "$1-of-the-attack"; then printf '%s is open to uid %s\n' "${1%/*}" "$(id --user)"; fi
    rm --force "$1-of-the-attack"
}

markersAreOutOfReach() {
    local marker=/run/.php-healthy
    expectEqual 'the marker of the health check' '0 600' "$(docker exec --user 0 "$(container php)" stat --format='%u %a' "$marker")"
    expectMatch 'who makes it' 'is open' "$(attack php 0 makeMarker "$marker")"
    expectNothing 'where it is' "$(attack php "$application" makeMarker "$marker")"
}

testCase 'attack: PHP cannot leave a setuid file on this machine' phpLeavesNoSetuid
testCase "attack: a callback that runs as root below php's supervisor cannot leave a setuid file on this machine" callbackLeavesNoSetuid
testCase 'attack: the application cannot break out of php' nobodyBreaksOut php "$application"
testCase 'attack: root of no container but backup can break out: no mounts, devices, namespaces, settings of the kernel, docker.sock' noneHasTheDockerSocket
testCase 'no process of apache2, mysql, redis and scheduler is root or may get a right of root' nobodyIsRoot
testCase "php has three of root's rights, and its daemon none" phpHasThreeRights
testCase "attack: the application reads no environment, memory or file of php's supervisor, and sends it no signal" supervisorIsClosed
testCase 'attack: nobody sees a process of another container' nobodySeesOthers
testCase 'attack: the application does not reach the marker by which php is called healthy' markersAreOutOfReach
