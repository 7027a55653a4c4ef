# shellcheck shell=bash
# Apache's housekeeping.
# What fails in the middle of a $(...) fails the run, too.
shopt -s inherit_errexit
# shellcheck source=service/apache2/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"
# shellcheck source=service/apache2/bin/certificates.sh
source "$LAMPLIGHTER_BIN/certificates.sh"
# shellcheck source=service/apache2/bin/networks.sh
source "$LAMPLIGHTER_BIN/networks.sh"
# shellcheck source=target-sbin/lib/packages.sh
source "$LAMPLIGHTER_SBIN/lib/packages.sh"
# shellcheck source=service/apache2/bin/loopback.sh
source "$LAMPLIGHTER_BIN/loopback.sh"
# shellcheck source=service/apache2/bin/refusals.sh
source "$LAMPLIGHTER_BIN/refusals.sh"

# On an address that only this container has, so that it works whatever the site does.
CB_health_check() {
    curl --fail --silent --show-error --max-time 5 --output /dev/null http://127.0.0.1:8081/health
    if [[ -d $loopback ]]; then checkLoopback; fi
}

CB_rotate_logs() {
    needGoodConfiguration
    rotateLogs
}

# Sees to it that what should be served is served, and looks at it as a visitor does.
CB_check_certificates() {
    needGoodConfiguration
    makeSelfSignedCertificate
    if [[ -d $loopback ]]; then writeAuthorities; fi
    if isStaged; then
        reload 'a certificate has been ordered and has come'
        waitFor 60 'mod_md takes it up' isNotStaged
        needOrdered
    fi
    if ! isServed; then
        reload 'another certificate is to be served'
        waitFor 60 'it is served' isServed
    fi
    noteVouchedFor
    if [[ -n $vouchedForIsNew ]]; then reload 'browsers take the certificate now, or do not any more'; fi
    lookAtServed
}

# Fetches the lists of networks, and lets Apache take them up.
CB_update_networks() {
    networksAreNew=
    needGoodConfiguration
    updateNetworks refused REFUSED_NETWORKS "$REFUSED_NETWORKS"
    updateNetworks crawler CRAWLER_NETWORKS "$CRAWLER_NETWORKS"
    if [[ -n $networksAreNew ]]; then reload 'there are other networks'; fi
}

# How many were refused since it was last asked, and why.
CB_count_refused() {
    countRefused /var/log/apache2/refused.log
}

# Those of all services: they have one image.
CB_check_packages() {
    checkPackages
}

# A reload with a configuration that Apache refuses, or a key that is another certificate's, would be its end.
needGoodConfiguration() {
    local said
    # This listener may have begun to wait before it was known whether what is in local is used.
    # shellcheck source=service/apache2/bin/environment.sh
    source "$LAMPLIGHTER_BIN/environment.sh"
    # shellcheck disable=SC2086 # words
    if ! said=$(/usr/sbin/apache2 $apacheOptions -t 2>&1); then
        logError "Apache is left alone, because it would not start again: $said"
    fi
    if hasOwnCertificate && ! ownCertificateIsWhole; then
        logError "Apache is left alone, because it would not start again: privkey.pem is not the key of the certificate in fullchain.pem"
    fi
}

reload() { # WHY
    logInfo "Apache is reloaded: $1"
    kill -USR1 "$LAMPLIGHTER_SERVICE_PID"
}

waitFor() { # SECONDS WHAT COMMAND
    local end=$((SECONDS + $1))
    until "$3"; do
        if ((SECONDS > end)); then logError "waited for $1 s in vain until $2"; fi
        sleep 0.2
    done
}
