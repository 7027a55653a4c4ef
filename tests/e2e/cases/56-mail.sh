# shellcheck shell=bash disable=SC2016 # the shell in the container expands; backticks that are meant as such
# Mail of the site: PHP's mail() to a relay, and what it says when there is none, or one that does not take it.

# On a network with PHP alone.
startRelay() { # [NAME=VALUE...]
    runRelay
    restartPhpForMail SITE_MAIL=1 SITE_NETWORK="$relay" "$@"
    waitUntil 20 'the relay listens' inside php nc -z relay.test 587
}

endRelay() {
    rm -f -- site/mail.php site/mail-task.php
    setSecret site-mail </dev/null
    restartPhpForMail SITE_MAIL= SITE_NETWORK=none TASK=
    docker rm --force "$relay" &>/dev/null || true
    docker network rm "$relay" &>/dev/null || true
}

restartPhpForMail() { # NAME=VALUE...
    local -x "$@"
    "${compose[@]}" up --detach --no-build --no-deps php
    waitUntilHealthy php
}

# A script as the manual of PHP has them, which says what mail() returns.
makeMailer() {
    cat >site/mail.php <<'PHP'
<?php
$text = "Grüße\n.\nFrom here on\nit goes on\n";
var_export(mail($_GET['to'], 'Hello of the site', $text, ['X-Made-By' => 'mail.php', 'Content-Type' => 'text/plain; charset=utf-8']));
PHP
}

# What mail() returns; what PHP's log says of it is in $results/said.
mailTo() { # ADDRESS
    local before
    before=$(inside php sh -c 'wc -l </var/log/php/fpm.log')
    web "/mail.php?to=$1"
    inside php tail --lines="+$((before + 1))" /var/log/php/fpm.log >"$results/said"
}

expectNotSent() { # WHAT-THE-LOG-SAYS [ADDRESS]
    expectEqual "what mail() returns" false "$(mailTo "${2:-one@forum.example}")"
    expectMatch "PHP's log" "ERROR mail not sent: .*$1" "$(<"$results/said")"
}

hasRelayed() {
    docker logs "$relay" 2>/dev/null
}

mailGoesToTheRelay() {
    local heard
    trap endRelay EXIT
    makeMailer
    echo '<?php exit(mail("two@forum.example", "by task", "text") ? 0 : 1);' >site/mail-task.php
    startRelay TASK=mail-task.php
    printf '%s\n' 'host relay.test' 'port 25' 'from site@forum.example' | setSecret site-mail
    expectEqual 'what mail() returns' true "$(mailTo one@forum.example)"
    heard=$(hasRelayed)
    expectEqual 'who sends to whom' 'site@forum.example one@forum.example' "$(jq --raw-output '"\(.from) \(.recipients | join(" "))"' <<<"$heard")"
    expectMatch 'its headers' $'Subject: Hello of the site\r?\n.*X-Made-By: mail.php' "$(jq --raw-output .mail <<<"$heard")"
    expectMatch 'its text' $'Grüße\r?\n\\.\r?\nFrom here on\r?\nit goes on' "$(jq --raw-output .mail <<<"$heard")"
    expectEqual "how the site's task ended that sends one" succeeded "$(outcomeOf php forum task-check)"
    expectMatch 'what the relay has got' 'two@forum.example' "$(hasRelayed)"
}

whatIsNotSentIsSaid() {
    trap endRelay EXIT
    makeMailer
    expectNotSent 'mail is off: SITE_MAIL=1 in .env switches it on'
    startRelay
    expectNotSent '.secrets/site-mail names no relay'
    printf '%s\n' 'host relay.test' 'port 25' 'from site@forum.example' | setSecret site-mail
    expectNotSent '550 5.1.1 nobody here is called so' unknown@forum.example
    printf '%s\n' 'host relay.test' 'port 26' 'from site@forum.example' | setSecret site-mail
    expectNotSent 'cannot connect to relay.test, port 26'
    printf '%s\n' 'host nobody.invalid' 'from site@forum.example' | setSecret site-mail
    expectNotSent 'cannot locate host nobody.invalid'
    expectEqual 'what the relay has got' '' "$(hasRelayed)"
}

relayWithPasswordAndTls() {
    local fingerprint
    trap endRelay EXIT
    makeMailer
    startRelay
    fingerprint=$(docker exec "$relay" openssl x509 -in /certificate.pem -noout -fingerprint -sha256 | cut --delimiter== --fields=2)
    setRelay587 's3cret of the relay' "tls_fingerprint $fingerprint"
    expectEqual 'what mail() returns' true "$(mailTo one@forum.example)"
    expectEqual 'how it came' 'true forum' "$(hasRelayed | jq --raw-output '"\(.encrypted) \(.user)"')"
    setRelay587 'wr0ng' "tls_fingerprint $fingerprint"
    expectNotSent 'authentication failed'
    expectNoMatch "PHP's log" 'wr0ng' "$(<"$results/said")"
    # Nobody vouches for its certificate.
    setRelay587 's3cret of the relay' ''
    expectNotSent 'certificate'
    expectEqual 'how many the relay has got' 1 "$(hasRelayed | wc --lines)"
}

setRelay587() { # PASSWORD LINE
    printf '%s\n' 'host relay.test' 'port 587' 'from site@forum.example' 'tls on' 'auth on' 'user forum' "password \"$1\"" "$2" |
        setSecret site-mail
}

# Before anything is touched.
upChecksMail() {
    trap ': >.secrets/site-mail' EXIT
    refusesToGoUp 'SITE_NETWORK is none: PHP could reach no relay' SITE_MAIL=1 SITE_NETWORK=none
    refusesToGoUp 'site-mail has no line `host' SITE_MAIL=1 SITE_NETWORK=bridge
    echo 'host relay.test' >.secrets/site-mail
    refusesToGoUp 'site-mail has no line `from' SITE_MAIL=1 SITE_NETWORK=bridge
    refusesToGoUp 'SITE_MAIL is `yes`' SITE_MAIL=yes
}

refusesToGoUp() { # WHAT-IT-SAYS NAME=VALUE...
    local -x "${@:2}"
    if bin/up --prepare >"$results/up" 2>&1; then fail "bin/up takes ${*:2}"; fi
    expectMatch 'what bin/up says' "$1" "$(<"$results/up")"
}

testCase "the site's mail goes to the relay that is set, whole" mailGoesToTheRelay
testCase 'mail that is not sent is an error to the site, and PHP'"'"'s log says why' whatIsNotSentIsSaid
testCase 'a relay that wants TLS and a password gets them, and no other' relayWithPasswordAndTls
testCase 'bin/up refuses mail without a network or a relay' upChecksMail
