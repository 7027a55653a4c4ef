# shellcheck shell=bash
# After all that needs it: the web console is gone where its port is taken out again, and its users are kept.

consoleIsGone() {
    local before
    needConsole
    before=$(containerFacts)
    setConsolePort ''
    bin/up >"$results/up-without-console" 2>&1 || fail 'bin/up failed:' "$(cat "$results/up-without-console")"
    expectNoMatch 'what bin/up says' 'The web console:' "$(cat "$results/up-without-console")"
    if isConsoleThere; then fail 'there is a container of it'; fi
    expectEqual 'the containers of the others, and when they started' "$before" "$(containerFacts)"
    if (exec 3<>"/dev/tcp/127.0.0.1/$consolePort") 2>/dev/null; then fail "somebody listens at port $consolePort"; fi
    expectMatch 'the profiles of Compose' 'COMPOSE_PROFILES=$' "$(grep '^COMPOSE_PROFILES=' .env)"
    expectEqual 'the services that the command tells of' 6 "$(toldServices)"
    echo '# Nothing, for the rest of the test.' >service/scheduler/conf/schedule.cron
}

testCase 'the web console is gone once it has no port any more' consoleIsGone
