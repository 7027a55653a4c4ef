# shellcheck shell=bash
# Names that are not the site's, and HTTPS once browsers take the certificate.

# Nothing of the page, whatever the way the name is said.
isRefusedAs() { # WHAT ANSWER
    expectMatch "the answer to $1" '421' "$2"
    expectNoMatch "the answer to $1" 'All lamps' "$2"
}

unknownNamesAreRefused() {
    local name
    for name in evil.example localhost.evil.example 1.2.3.4.evil.example evil.1.example; do
        isRefusedAs "$name over HTTP" "$(web --include --header "Host: $name" /)"
        isRefusedAs "$name over HTTPS" "$(curl --silent --insecure --include --resolve "${name%%:*}:$HTTPS_PORT:127.0.0.1" "https://${name%%:*}:$HTTPS_PORT/")"
        isRefusedAs "$name in a header over HTTPS" "$(curl --silent --insecure --include --header "Host: $name" "https://localhost:$HTTPS_PORT/")"
    done
    isRefusedAs 'no name' "$(printf 'GET / HTTP/1.0\r\n\r\n' | nc -N localhost "${HTTP_PORT:?}")"
    expectMatch 'what it says' 'put its name into SITE_NAME or SITE_ALIASES' "$(web --header 'Host: evil.example' /)"
    # A site without a name of its own is reached by any address.
    for name in localhost LOCALHOST 127.0.0.1 192.168.7.250 '[::1]' '[2001:db8::1]:8080'; do
        expectEqual "the answer to $name" 200 "$(httpStatus / --header "Host: $name")"
    done
    # Who cannot say the name in the handshake is served by the one in the header.
    expectMatch 'the answer without SNI' 'HTTP/1.1 200' "$(printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        openssl s_client -quiet -noservername -connect "127.0.0.1:$HTTPS_PORT" 2>/dev/null)"
}

# One that an authority has signed, good for so many days; browsers would know it.
installSignedCertificate() { # DAYS
    (
        cd -- "$results" || exit
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj '/CN=authority' -keyout authority.key -out authority.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' -addext subjectAltName=DNS:localhost -keyout privkey.pem -out request.pem
        openssl x509 -req -in request.pem -CA authority.pem -CAkey authority.key -days "$1" -copy_extensions copy -out fullchain.pem
    ) 2>/dev/null
    inside apache2 sh -c 'cat >/var/lib/certificates/fullchain.pem' <"$results/fullchain.pem"
    inside apache2 sh -c 'umask 077; cat >/var/lib/certificates/privkey.pem' <"$results/privkey.pem"
}

restoreHttps() {
    unset SITE_HTTPS HTTPS_PORT HSTS_DAYS
    inside apache2 rm -f /var/lib/certificates/fullchain.pem /var/lib/certificates/privkey.pem
    choosePorts
    rm -f -- site/cookies.php
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
    siteIsUp
}

# Over which address of this machine, so that port 443 can be had.
visit() { # HTTP|HTTPS PATH
    curl --silent --insecure --include --max-time 20 --resolve "localhost:$HTTP_PORT:127.0.0.1" --resolve 'localhost:443:127.0.0.43' \
        "$([[ $1 == HTTP ]] && echo "http://localhost:$HTTP_PORT" || echo https://localhost)$2"
}

httpsOnceTheCertificateIsGood() {
    local answer
    trap restoreHttps EXIT
    if ! portIsFree 127.0.0.43 443; then skip 'port 443 of 127.0.0.43 is taken'; fi
    cat >site/cookies.php <<'PHP'
<?php
session_start();
setcookie('plain', '1');
setcookie('secured', '1', ['secure' => true]);
PHP
    export HTTPS_PORT=127.0.0.43:443
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2

    # With one that nobody vouches for, nobody is sent anywhere.
    expectMatch 'the page over HTTP' 'HTTP/1.1 200' "$(visit HTTP /)"
    expectNoMatch 'the page over HTTPS' 'strict-transport-security' "$(visit HTTPS /)"
    expectNoMatch 'the cookies' 'plain=1;.*secure' "$(visit HTTPS /cookies.php | grep 'plain=')"

    installSignedCertificate 20
    expectOutcome succeeded apache2 check-certificates
    waitUntil 20 'visitors are sent to HTTPS' sentToPort443
    expectMatch 'where to' 'Location: https://localhost/a%20b\?c=d%20e' "$(visit HTTP '/a%20b?c=d%20e')"
    answer=$(visit HTTPS /cookies.php | tr --delete '\r')
    expectMatch 'what browsers are told' 'strict-transport-security: max-age=2592000' "$answer"
    expectMatch 'the cookie of the session' 'set-cookie: PHPSESSID=[^;]*; path=/; (HttpOnly; SameSite=Lax|HttpOnly; SameSite=Lax); Secure' "$answer"
    expectMatch 'a cookie' $'set-cookie: plain=1; Secure\n' "$answer"
    expectMatch 'a cookie that said so' $'set-cookie: secured=1; secure\n' "$answer"
    # An order is proven over HTTP.
    mkdir -p site/.well-known/acme-challenge
    echo token >site/.well-known/acme-challenge/own
    expectMatch 'a challenge' 'token' "$(visit HTTP /.well-known/acme-challenge/own)"
    inside apache2 lamplighter health

    export SITE_HTTPS=off
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
    expectMatch 'the page, with off' 'HTTP/1.1 200' "$(visit HTTP /)"
    expectNoMatch 'the page, with off' 'strict-transport-security' "$(visit HTTPS /)"

    # At another port, browsers would take its memory for all of them.
    export SITE_HTTPS=on HTTPS_PORT=$tlsPort
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
    expectMatch 'where to, with on' "Location: https://localhost:$tlsPort/x" "$(visit HTTP /x)"
    expectNoMatch 'what browsers are told' 'strict-transport-security' "$(curl --silent --insecure --include "https://localhost:$tlsPort/")"

    # When it has ended it is good for nobody.
    installSignedCertificate 0
    expectOutcome failed apache2 check-certificates
    waitUntil 20 'visitors are not sent to HTTPS' pageOverPlainHttp
}

sentToPort443() {
    visit HTTP / | grep '^Location: https://localhost/'
}

pageOverPlainHttp() {
    visit HTTP / | grep '^HTTP/1.1 200'
}

portIsFree() { # ADDRESS PORT
    ! (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

tlsPort=${HTTPS_PORT:-}
testCase 'who asks for another name gets nothing of the site' unknownNamesAreRefused
slowCase 'all goes over HTTPS once browsers take the certificate, and not before' httpsOnceTheCertificateIsGood
