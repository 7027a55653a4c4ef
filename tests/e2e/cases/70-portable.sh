# shellcheck shell=bash
# What does not depend on this machine: the other generation of Compose, the other builder, another site, an empty root.

# Debian's own packages of the plugins, unpacked into a folder of ours and never installed: enough for a static program.
fetchPlugins() {
    local plugins=$repo/target/e2e/plugins
    if [[ ! -e $plugins/complete ]]; then
        rm -rf -- "$plugins"
        mkdir -p -- "$plugins/cli-plugins"
        docker run --rm --volume "$plugins:/plugins" --workdir /plugins "$debian" sh -euc '
            apt-get update --quiet --quiet
            apt-get -o APT::Sandbox::User=root download --quiet --quiet docker-compose docker-buildx
            for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
            cp unpacked/usr/libexec/docker/cli-plugins/* cli-plugins
            rm -rf unpacked *.deb
            touch complete'
    fi
    export DOCKER_CONFIG=$plugins
}

# The generation of Compose that bin/up did not choose.
findOtherCompose() {
    if [[ ${compose[0]} == docker-compose ]]; then
        fetchPlugins
        otherCompose=(docker compose)
    elif [[ $(docker-compose version --short 2>/dev/null) == 1.* ]]; then
        otherCompose=(docker-compose)
    else
        skip "there is no docker-compose 1.29 here beside $("${compose[@]}" version --short)"
    fi
    "${otherCompose[@]}" version
}

stopsInOrder() {
    local service began
    began=$EPOCHREALTIME
    "${compose[@]}" stop
    figure 'stopping all services' "$(secondsSince "$began") s"
    for service in "${services[@]}"; do
        expectEqual "the exit status of $service" 0 "$(inspect "$service" '{{.State.ExitCode}}')"
        expectNoMatch "the log of $service" 'had to be killed|could not be ended' "$(logOf "$service" | tail --lines=5)"
    done
    "${compose[@]}" down
    expectEqual 'the containers left' '' "$(containers)"
}

# A site of another shape, with a document root below its folder, on the data of before.
otherGenerationAndSite() {
    local rows
    local -a otherCompose
    findOtherCompose
    mkdir -p other-site/public
    printf '<?php echo "another site, ", 6 * 7000 + 7;' >other-site/public/index.php
    printf '<?php echo "never seen";' >other-site/outside.php
    export SITE_PATH=./other-site SITE_PUBLIC=public
    "${otherCompose[@]}" config --quiet
    "${otherCompose[@]}" up --detach --no-build
    waitUntilHealthy "${services[@]}"
    expectEqual 'the page' 'another site, 42007' "$(web /)"
    expectNoMatch 'what lies beside the document root' 'never seen' "$(web --path-as-is /../outside.php)$(web /outside.php)"
    rows=$(sql 'SELECT COUNT(*) FROM forum.posts')
    expectEqual 'the rows from before' 3000 "$rows"
    "${otherCompose[@]}" down
    expectEqual 'the containers left' '' "$(containers)"
}

# The classic builder has made the image that all cases ran on.
buildsWithBuildKit() {
    local began=$EPOCHREALTIME
    local -a options=()
    if [[ ${CI:-} == true ]]; then options=(--no-cache); fi
    if ! docker buildx version &>/dev/null; then fetchPlugins; fi
    DOCKER_BUILDKIT=1 docker build --progress=plain "${options[@]}" --tag "$image-buildkit" - <Dockerfile >"$results/buildkit" 2>&1 ||
        fail "$(tail --lines=30 "$results/buildkit")"
    figure "building with BuildKit${options:+ from nothing}" "$(secondsSince "$began") s"
    grep --quiet '^#[0-9]' "$results/buildkit" || fail 'it was not BuildKit that built it'
    docker run --rm --network none --entrypoint sh "$image-buildkit" -euc 'ls /usr/sbin/mariadbd /usr/sbin/apache2 /usr/bin/tini'
    docker image rm "$image-buildkit"
}

runsInAnEmptyRoot() {
    local root=$results/empty
    if [[ $EUID -ne 0 ]]; then skip 'only root can change the root'; fi
    install -D --mode=0755 target-sbin/lamplighter "$root/lamplighter"
    expectMatch 'what it says' '^lamplighter [0-9]' "$(chroot "$root" /lamplighter --version)"
}

testCase 'all services stop in order' stopsInOrder
testCase 'the other generation of Compose runs the same stack, with another site on the same data' otherGenerationAndSite
rareCase 'BuildKit builds the image too' buildsWithBuildKit
testCase 'the binary runs in an empty root' runsInAnEmptyRoot
