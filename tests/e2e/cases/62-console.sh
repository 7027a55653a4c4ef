# shellcheck shell=bash
# The web console as a service of the stack: on where it is wanted, for who may log in, and with no more rights than it needs.

consoleLetsIn() {
    local said
    # A call before may have left it.
    if isConsoleThere; then
        setConsolePort ''
        bin/up
    fi
    needConsole
    expectMatch 'what bin/up says' "The web console: http://localhost:$consolePort/" "$(cat "$results/up-console")"
    expectMatch 'who may log in' 'nobody may log in yet +as root: target-sbin/lamplighter console user add NAME' "$(cat "$results/up-console")"
    expectEqual 'the containers of the others, and when they started' "$(cat "$results/before-console")" "$(containerFacts)"
    expectMatch 'what a stranger is answered' '^HTTP/1.1 303.*[Ll]ocation: /login' "$(console /)"
    said=$(logIn)
    expectMatch 'what who logs in is answered' '^HTTP/1.1 303.*lamplighter-console=' "$said"
    said=$(console /)
    for service in "${services[@]}" console; do expectMatch 'the page' "id=\"service-$service\"" "$said"; done
    expectEqual 'the services that the command tells of' 7 "$(toldServices)"
    said=$(inside scheduler lamplighter metrics)
    expectMatch 'what Prometheus is told' 'lamplighter_up\{service="console"\} 1' "$said"
}

# Of what is mounted: "DESTINATION writable-or-not".
consoleIsConfined() {
    local facts
    needConsole
    expectEqual 'what it may' '905 0000000000000000 1' "$(rightsOf console)"
    facts=$(docker inspect "$(container console)")
    expectEqual 'root file system, restart policy, networks' "true unless-stopped ${COMPOSE_PROJECT_NAME}_console" \
        "$(jq --raw-output '.[] | "\(.HostConfig.ReadonlyRootfs) \(.HostConfig.RestartPolicy.Name) \(.NetworkSettings.Networks | keys | join(" "))"' <<<"$facts")"
    expectMatch 'its limits' '^[1-9][0-9]+ 100$' "$(inspect console '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}')"
    expectEqual 'where it is published' "127.0.0.1:$consolePort" \
        "$(jq --raw-output '.[].NetworkSettings.Ports[][] | "\(.HostIp):\(.HostPort)"' <<<"$facts")"
    expectEqual 'what is mounted' '/run/requests false
/run/requests/console true
/usr/local/bin false
/usr/local/conf false
/usr/local/local/service false
/usr/local/sbin false
/var/lib/console false
/var/lib/lamplighter true' "$(jq --raw-output '.[].Mounts[] | "\(.Destination) \(.RW)"' <<<"$facts" | sort)"
    expectEqual 'what it may write to' '/run
/run/requests/console
/tmp
/var/lib/lamplighter' "$(inside console sh -c 'find / "(" -path /proc -o -path /dev -o -path /sys ")" -prune -o -type d -writable -print 2>/dev/null' | grep --invert-match '^/var/lib/lamplighter/' | sort)"
    expectMatch 'its network' false "$(docker network inspect --format '{{index .Options "com.docker.network.bridge.enable_ip_masquerade"}}' "${COMPOSE_PROJECT_NAME}_console")"
}

consoleRunsWhatIsScheduled() {
    local run record
    needConsole
    logIn
    run=$(doInConsole /do/redis/rotate-logs)
    expectMatch 'where that leads' '^/runs/redis/[0-9a-f]+$' "$run"
    waitUntil 30 'the run has succeeded' pageHas "$run" 'class="outcome good">succeeded'
    expectMatch 'the page of the run' 'console/anna' "$(console "$run")"
    record=$(ask redis <<<"{\"op\":\"show\",\"id\":\"${run##*/}\"}")
    expectEqual 'who asked, as the journal has it' '903 anna root' "$(jq --raw-output '.run | "\(.by) \(.operator) \(.user)"' <<<"$record")"
}

consoleRunsNothingElse() {
    local answer
    needConsole
    logIn
    answer=$(console /)
    expectMatch 'the page' '/do/mysql/nightly-backup' "$answer"
    expectMatch 'the page' 'upgrade-tables' "$answer"
    expectNoMatch 'the page' '/do/mysql/upgrade-tables' "$answer"
    answer=$(sendForm /do/mysql/upgrade-tables)
    expectMatch 'what is answered' '^HTTP/1.1 403.*The schedule names no upgrade-tables of mysql' "$answer"
}

# An action of the owner's, which takes until it is told to end.
consoleCallsOff() {
    local id record
    needConsole
    logIn
    trap 'rm --force local/service/redis/docker-callbacks.sh' EXIT
    echo 'CB_held() { sleep 300; }' >local/service/redis/docker-callbacks.sh
    id=$(request redis root held)
    waitUntil 20 'the run is on' pageHas "/runs/redis/$id" "/cancel/redis/$id"
    expectEqual 'where that leads' "/runs/redis/$id" "$(doInConsole "/cancel/redis/$id")"
    waitUntil 20 'the run is called off' pageHas "/runs/redis/$id" '>cancelled<'
    record=$(ask redis <<<"{\"op\":\"show\",\"id\":\"$id\"}")
    expectMatch 'what the journal says of it' 'by console/anna' "$(jq --raw-output '.run.note' <<<"$record")"
}

consoleSpeaksTls() {
    local said started
    needConsole
    trap endTls EXIT
    setConsole ADDRESS 0.0.0.0
    expectRefusal 'CONSOLE_ADDRESS is 0.0.0.0, and there is no CONSOLE_NAME.*speaks TLS alone'
    setConsole NAME console.test
    expectRefusal 'the console has no certificate: cannot read /var/lib/console/fullchain.pem: No such file'
    makeConsoleCertificate first 90
    makeConsoleCertificate second 3
    expectMatch 'what is said of a certificate' '^good until ' "$(putConsoleCertificate first)"
    bin/up >"$results/up-tls" 2>&1 || fail 'bin/up failed:' "$(<"$results/up-tls")"
    expectMatch 'what bin/up says' "The web console: https://console.test:$consolePort/, at 0.0.0.0" "$(<"$results/up-tls")"
    expectMatch 'what is answered beyond the loopback address' '^HTTP/1.1 (200|503).*[Ss]trict-[Tt]ransport-[Ss]ecurity: max-age=31536000' "$(consoleOverTls first /login)"
    expectNoMatch 'what is answered without TLS' '^HTTP/1' "$(curl --silent --show-error --include --max-time 20 "http://$(hostAddress):$consolePort/health" 2>&1 || true)"
    expectMatch 'its health' '"healthy":true' "$(inside scheduler lamplighter status --check --json console)"
    expectMatch 'what is known of its certificate' "the console's certificate is good until " "$(inside scheduler lamplighter status console)"
    # Another one is taken up at once, and that it is about to end is told.
    started=$(inspect console '{{.State.StartedAt}}')
    expectMatch 'what is said of one that is about to end' 'warning: the console.s certificate ends in ' "$(putConsoleCertificate second || true)"
    expectMatch 'what is answered with the other one' '^HTTP/1.1' "$(consoleOverTls second /login)"
    expectEqual 'when the console was started' "$started" "$(inspect console '{{.State.StartedAt}}')"
    said=$(inside scheduler lamplighter status --check console)
    expectMatch 'what status says of it' '1 problem:.*certificate ends in [0-3] days.*console certificate FULLCHAIN' "$said"
    bin/up >"$results/up-tls" 2>&1 || fail 'bin/up failed:' "$(<"$results/up-tls")"
    expectMatch 'what bin/up says of it' "the console's certificate ends in " "$(<"$results/up-tls")"
}

expectRefusal() { # PATTERN
    local status=0
    bin/up >"$results/up-tls" 2>&1 || status=$?
    expectEqual 'the status of bin/up' 1 "$status"
    expectMatch 'what bin/up says' "$1" "$(<"$results/up-tls")"
    expectMatch 'what the console of before answers' healthy "$(console /health)"
}

# What the cases behind it expect: this machine alone, without TLS. The file with who may log in stays.
endTls() {
    setConsole ADDRESS ''
    setConsole NAME ''
    docker run --rm --network none --volume "$data/console:/console" --entrypoint rm "$image" \
        -f /console/fullchain.pem /console/privkey.pem
    bin/up >"$results/up-without-tls" 2>&1
}

testCase 'the web console is there once it has a port, and lets in who knows password and code' consoleLetsIn
testCase 'the web console is a user without special rights, with what it needs and nothing else' consoleIsConfined
testCase 'what the schedule names is run from the web console, and the journal says by whom' consoleRunsWhatIsScheduled
testCase 'what the schedule does not name is not run from the web console' consoleRunsNothingElse
testCase 'a run is called off from the web console, whoever asked for it' consoleCallsOff
testCase 'beyond this machine the web console speaks TLS alone, with a certificate that is taken up without a restart' consoleSpeaksTls
