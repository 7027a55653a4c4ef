# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# Certificates: Apache's own, yours, and those that mod_md orders. What counts is what is on the wire.

onTheWire() { # OPENSSL'S OPTION...
    openssl s_client -connect "localhost:$HTTPS_PORT" -servername "${site:-localhost}" </dev/null 2>/dev/null |
        openssl x509 -noout "$@"
}

# Signed by itself, for so many days.
makeCertificate() { # DAYS
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$1" -subj '/CN=localhost, of our own' \
        -addext subjectAltName=DNS:localhost -keyout "$results/privkey.pem" -out "$results/fullchain.pem" 2>/dev/null
}

installCertificate() {
    inside apache2 sh -c 'cat >/var/lib/certificates/fullchain.pem' <"$results/fullchain.pem"
    inside apache2 sh -c 'umask 077; cat >/var/lib/certificates/privkey.pem' <"$results/privkey.pem"
}

removeCertificate() {
    inside apache2 rm -f /var/lib/certificates/fullchain.pem /var/lib/certificates/privkey.pem
    expectOutcome succeeded apache2 check-certificates
}

ownCertificateIsServed() {
    local started other
    trap removeCertificate EXIT
    started=$(inspect apache2 '{{.State.StartedAt}}')
    expectOutcome succeeded apache2 check-certificates
    expectMatch 'what it says' 'the certificate that visitors of localhost are given is from CN=localhost and good until' "$(<"$results/output")"

    makeCertificate 400
    installCertificate
    expectOutcome succeeded apache2 check-certificates
    expectEqual 'the certificate on the wire' "$(openssl x509 -in "$results/fullchain.pem" -noout -serial)" "$(onTheWire -serial)"

    # Apache would not come back from a reload with this one.
    other=$(onTheWire -serial)
    makeCertificate 400
    inside apache2 sh -c 'cat >/var/lib/certificates/fullchain.pem' <"$results/fullchain.pem"
    expectOutcome failed apache2 check-certificates
    expectMatch 'what it says' 'privkey.pem is not the key of the certificate' "$(<"$results/output")"
    expectOutcome failed apache2 rotate-logs
    expectEqual 'the certificate on the wire' "$other" "$(onTheWire -serial)"
    siteIsUp
    expectEqual 'when the container started' "$started" "$(inspect apache2 '{{.State.StartedAt}}')"
}

# Those that a certificate cannot be made out to keep Apache from nothing.
aliasesAreInTheCertificate() {
    local before
    cp -- service/apache2/conf/hosts.conf "$results/hosts.conf"
    trap 'unset SITE_ALIASES; restoreApache' EXIT
    export SITE_ALIASES='WWW.localhost. *.Forum.test bücher.Forum.test f?rum.test'
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
    expectMatch 'the names on the wire' 'DNS:localhost, DNS:www.localhost, DNS:\*\.forum\.test, DNS:xn--bcher-kva\.forum\.test$' "$(onTheWire -ext subjectAltName)"
    expectMatch 'whether it is good for the second alias' 'does match' "$(onTheWire -checkhost any.forum.test)"
    # The same names need no other one.
    before=$(onTheWire -serial)
    "${compose[@]}" restart apache2
    waitUntilHealthy apache2
    expectEqual 'the certificate after a restart' "$before" "$(onTheWire -serial)"
}

endingCertificateIsSaid() {
    trap removeCertificate EXIT
    makeCertificate 13
    installCertificate
    expectOutcome failed apache2 check-certificates
    expectMatch 'what it says' 'the certificate that visitors of localhost are given is good until .* only' "$(<"$results/output")"
    expectMatch 'the certificate on the wire' 'of our own' "$(onTheWire -subject)"
}

# One request after another, each on a connection of its own; those that are not answered are counted.
request200() { # FILE-THAT-ENDS-IT FILE-WITH-THE-COUNT
    local asked=0 lost=0
    until [[ -e $1 ]]; do
        asked=$((asked + 1))
        [[ $(curl --insecure --silent --max-time 20 --output /dev/null --write-out '%{http_code}' \
            --resolve "$site:$HTTPS_PORT:127.0.0.1" "https://$site:$HTTPS_PORT/index.php?format=json") == 200 ]] || lost=$((lost + 1))
    done
    printf '%s %s\n' "$asked" "$lost" >"$2"
}

isStaged() {
    inside apache2 tail --lines=3 /var/log/apache2/error.log
    inside apache2 grep '"finished": true' "/var/lib/certificates/acme/staging/$site/job.json"
}

restoreApache() {
    endAcmeServer
    cat -- "$results/hosts.conf" >service/apache2/conf/hosts.conf
    rm -f -- site/.htaccess
    unset SITE_NAME ACME_CONTACT ACME_DIRECTORY SITE_HTTPS
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
}

# Ordered, proven, fetched and served; and then once more. Its name is written as mod_md would not write it, and the site
# sends every address to a script of its own, as most do, and then all visitors to HTTPS.
certificateIsOrderedAndRenewed() {
    local first second asked lost
    local -r site=forum.test
    cp -- service/apache2/conf/hosts.conf "$results/hosts.conf"
    trap restoreApache EXIT
    startAcmeServer
    printf 'RewriteEngine On\nRewriteCond %%{REQUEST_FILENAME} !-f\nRewriteRule . /index.php [L]\n' >site/.htaccess
    export SITE_HTTPS=on SITE_NAME=Forum.Test. ACME_CONTACT=mailto:somebody@Forum.test ACME_DIRECTORY=http://acme.test/directory
    "${compose[@]}" up --no-start --no-build --no-deps apache2
    docker network connect --alias "$site" "$acme" "$(container apache2)"
    "${compose[@]}" start apache2
    waitUntilHealthy apache2
    expectMatch 'who vouches for the first certificate' "CN *= *$site" "$(onTheWire -issuer)"

    rm -f -- "$results/enough"
    request200 "$results/enough" "$results/asked" &
    waitUntil 120 'a certificate has come' isStaged
    expectOutcome succeeded apache2 check-certificates
    expectMatch 'what it says' 'from CN=authority of the test' "$(<"$results/output")"
    expectMatch 'who vouches for it' 'authority of the test' "$(onTheWire -issuer)"
    first=$(onTheWire -serial)

    waitUntil 20 'visitors are sent to HTTPS' sentToHttps
    # For a certificate of 30 days it is time when 30 days are left.
    sed --in-place 's/^    MDCAChallenges .*/&\n    MDRenewWindow 30d/' service/apache2/conf/hosts.conf
    docker kill --signal USR1 "$(container apache2)"
    waitUntil 120 'the next certificate has come' isStaged
    expectEqual 'the certificate on the wire before it is taken up' "$first" "$(onTheWire -serial)"
    expectOutcome succeeded apache2 check-certificates
    second=$(onTheWire -serial)
    expectMatch 'who vouches for it' 'authority of the test' "$(onTheWire -issuer)"
    if [[ $first == "$second" ]]; then fail "the certificate is still the first: $first"; fi

    touch "$results/enough"
    wait
    read -r asked lost <"$results/asked"
    figure 'requests over TLS while certificates were exchanged' "$asked, $lost not answered"
    expectEqual 'the requests that were not answered' 0 "$lost"
    if ((asked < 20)); then fail "only $asked requests were made meanwhile"; fi
}

sentToHttps() {
    web --include --header "Host: $site" / | grep "^Location: https://$site:$HTTPS_PORT/"
}

failedOrderIsSaid() {
    cp -- service/apache2/conf/hosts.conf "$results/hosts.conf"
    trap restoreApache EXIT
    # Another name than before, which there is a certificate for.
    export SITE_NAME=other.test ACME_CONTACT=somebody@other.test ACME_DIRECTORY=http://127.0.0.1:9/directory
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
    waitUntil 60 'the order has failed' orderHasFailed
    expectOutcome failed apache2 check-certificates
    expectMatch 'what it says' 'no certificate can be ordered for other.test: ' "$(<"$results/output")"
    expectEqual 'the page' 200 "$(httpStatus / --header 'Host: other.test')"
}

orderHasFailed() {
    inside apache2 grep '"errors": [1-9]' /var/lib/certificates/acme/staging/other.test/job.json
}

testCase 'a certificate of your own is served, unless Apache could not live with it' ownCertificateIsServed
slowCase "the names in SITE_ALIASES are in the certificate that Apache makes" aliasesAreInTheCertificate
testCase 'a certificate that ends within two weeks is said' endingCertificateIsSaid
testCase 'a certificate is ordered, and renewed, without a request lost' certificateIsOrderedAndRenewed
testCase 'an order that fails is said, and the site stays up' failedOrderIsSaid
