# shellcheck shell=bash
# From nothing to a running stack, by the one command.

# In CI nothing may come from an earlier build. There the classic builder makes the image; BuildKit does later on.
bringsTheSiteUp() {
    local began=$EPOCHREALTIME
    local -a options=()
    if [[ ${CI:-} == true ]]; then options=(--rebuild); fi
    DOCKER_BUILDKIT=0 bin/up "${options[@]}" >"$results/first-up" 2>&1 || {
        # There is nothing to show any case on.
        touch "$results/no-stack"
        fail 'bin/up failed:' "$(cat "$results/first-up")"
    }
    figure "first bin/up${options:+, image made anew}" "$(secondsSince "$began") s"
    figure "image size" "$(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) MB"
    figure 'binary size' "$(($(stat --format=%s target-sbin/lamplighter) / 1000)) kB"

    for service in "${services[@]}"; do isHealthy "$service"; done
    expectMatch 'what bin/up says' "http://localhost:$HTTP_PORT/" "$(cat "$results/first-up")"
    expectEqual 'the status of /' 200 "$(httpStatus /)"
}

containerFacts() {
    local service
    for service in "${services[@]}"; do
        inspect "$service" "$service {{.Id}} {{.State.StartedAt}} {{.RestartCount}}"
    done
}

secondUpIsHarmless() {
    local before began seconds
    before=$(containerFacts)
    began=$EPOCHREALTIME
    bin/up >"$results/second-up" 2>&1 || fail 'the second bin/up failed:' "$(cat "$results/second-up")"
    seconds=$(secondsSince "$began")
    figure 'second bin/up' "$seconds s"
    expectEqual 'the containers, and when they started' "$before" "$(containerFacts)"
    expectBelow 'the second bin/up' 20 "$seconds"
}

settingsArePrivate() {
    local file
    for file in .env .secrets/redis-password; do
        expectEqual "the mode of $file" 600 "$(stat --format=%a "$file")"
    done
    expectEqual 'the mode of .secrets' 700 "$(stat --format=%a .secrets)"
    expectMatch 'the password' '^[[:graph:]]{32,}$' "$(<.secrets/redis-password)"
    expectEqual 'what git sees of it all' '' "$(sourceFiles .env .secrets data)"
}

containersAreConfined() {
    local service facts
    for service in "${services[@]}"; do
        facts=$(docker inspect "$(container "$service")")
        expectEqual "hostname, restart policy and log cap of $service" "$service unless-stopped 10m" \
            "$(jq --raw-output '.[] | "\(.Config.Hostname) \(.HostConfig.RestartPolicy.Name) \(.HostConfig.LogConfig.Config["max-size"])"' <<<"$facts")"
        expectMatch "the health check of $service" 'lamplighter health --every 60s' "$(jq --raw-output '.[].Config.Healthcheck.Test | join(" ")' <<<"$facts")"
        expectNoMatch "the mounts of $service" 'docker\.sock' "$(jq '.[].Mounts' <<<"$facts")"
        inside "$service" sh -c '! find /run /var /srv /tmp -maxdepth 3 -name "docker*.sock" 2>/dev/null | grep .' ||
            fail "$service has the Docker socket"
    done
    for service in mysql redis php scheduler; do
        expectEqual "the network of $service" none "$(inspect "$service" '{{.HostConfig.NetworkMode}}')"
    done
}

# What each container is allowed, as its own processes have it: "UID CAPABILITIES-IT-CAN-EVER-HAVE NO-NEW-PRIVILEGES".
# shellcheck disable=SC2016 # awk's
rightsOf() { # SERVICE
    inside "$1" awk '$1 == "Uid:" { uid = $2 } $1 == "CapBnd:" { bound = $2 } $1 == "NoNewPrivs:" { print uid, bound, $2 }' /proc/1/status
}

# Bits of linux/capability.h: CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7, MKNOD 27, SETFCAP 31.
# shellcheck disable=SC2016 # the container's
nobodyIsRoot() {
    local service
    local -A uids=([mysql]=901 [redis]=902 [apache2]=33 [scheduler]=903)
    for service in "${!uids[@]}"; do
        expectEqual "what $service may" "${uids[$service]} 0000000000000000 1" "$(rightsOf "$service")"
    done
    expectEqual 'what the supervisor of php may' '0 00000000000000e0 1' "$(rightsOf php)"
    expectEqual 'what backup may' '0 00000000880000fb 1' "$(rightsOf backup)"
    expectEqual 'what prepare may' '0 000000000000001b 1' "$("${compose[@]}" run --rm --no-deps -T prepare \
        awk '$1 == "Uid:" { uid = $2 } $1 == "CapBnd:" { bound = $2 } $1 == "NoNewPrivs:" { print uid, bound, $2 }' /proc/self/status)"
    expectEqual 'the network of prepare, and whether its root can be written to' 'none true' \
        "$(inspect prepare '{{.HostConfig.NetworkMode}} {{.HostConfig.ReadonlyRootfs}}')"
    expectEqual "the user and the capabilities of PHP-FPM, all of it" '10001 0000000000000000' \
        "$(inside php sh -c 'cat $(grep --files-with-matches --word-regexp "^Name:.php-fpm[0-9.]*" /proc/[0-9]*/status)' |
            awk '$1 == "Uid:" { uid = $2 } $1 == "CapEff:" { print uid, $2 }' | sort --unique)"
    for service in "${services[@]}"; do
        expectEqual "what $service could write to of its root" true "$(inspect "$service" '{{.HostConfig.ReadonlyRootfs}}')"
        inside "$service" sh -c 'awk "\$3 == \"tmpfs\" && \$2 ~ \"^/(run|tmp|dev/shm)\$\" && \$4 !~ /nosuid/" /proc/mounts | grep .' &&
            fail "$service has a tmpfs where programs could take another user's rights"
        # As many processors as there are would be no limit, and are none where there is a single one.
        expectMatch "the limits of $service" '^[1-9][0-9]+ [1-9][0-9]+ [0-9]+$' \
            "$(inspect "$service" '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}')"
        (($(getconf _NPROCESSORS_ONLN) == 1)) || expectMatch "how much of the processors $service may use" '^[1-9]' "$(inspect "$service" '{{.HostConfig.NanoCpus}}')"
    done
}

# What is mounted must be the one shared image, whatever the service.
oneImageForAll() {
    local service wanted
    wanted=$(docker image inspect --format '{{.Id}}' "$image")
    for service in "${services[@]}"; do
        expectEqual "the image of $service" "$wanted" "$(inspect "$service" '{{.Image}}')"
    done
}

# Somebody has made an image from ours, with another package perhaps: it is his, and not every stack's from then on.
derivedImageIsNotTaken() {
    local own
    own=$(docker image inspect --format '{{.Id}}' "$image")
    trap 'docker image rm "$image-derived" >/dev/null' EXIT
    docker commit "$(container redis)" "$image-derived" >/dev/null
    docker tag "$image-derived" "$image"
    bin/up --prepare
    expectEqual 'the image of the stack' "$own" "$(docker image inspect --format '{{.Id}}' "$image")"
}

# What `lamplighter check` takes for a zone, the programs in the containers take for the same one.
# shellcheck disable=SC2016 # it is the shell in the container that expands
oldZonesAreKnown() {
    expectMatch 'the time in US/Pacific' '^P[DS]T$' "$(inside php env TZ=US/Pacific date +%Z)"
    expectMatch 'the time of PHP there' '^P[DS]T$' "$(inside php sh -c 'php$PHP_VERSION -d date.timezone=US/Pacific -r "echo date(\"T\");"')"
}

testCase 'bin/up brings the site up from nothing' bringsTheSiteUp
testCase 'a second bin/up is quick and changes nothing' secondUpIsHarmless
testCase 'settings and secrets are random and only their owner reads them' settingsArePrivate
testCase 'containers are named, capped, checked and confined; none has the Docker socket' containersAreConfined
testCase 'nobody is root: each service is a user of its own without special rights, and writes only where it must' nobodyIsRoot
testCase 'all services share one image' oneImageForAll
testCase 'bin/up takes no image for its own that somebody has derived from it' derivedImageIsNotTaken
testCase 'time zones that have an old name are known in the containers' oldZonesAreKnown
