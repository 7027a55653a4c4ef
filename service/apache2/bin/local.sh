# shellcheck shell=bash
# What is wrong with what the stack's owner adds to Apache (local/apache2.d).
# shellcheck source=service/apache2/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"
# shellcheck source=service/apache2/bin/certificates.sh
source "$LAMPLIGHTER_BIN/certificates.sh"

localFolders=(apache2.d:conf)

daemonFault() { # [with-local]
    local said place=service/apache2/conf options=${apacheOptions% -D LOCAL}
    if [[ -n ${1:-} ]]; then place=local/apache2.d options+=' -D LOCAL'; fi
    # What Apache would miss, before the first start and beside the one that runs.
    install --directory --mode=0750 /run/apache2
    makeSelfSignedCertificate
    # shellcheck disable=SC2086 # words
    if said=$(/usr/sbin/apache2 $options -t 2>&1); then return; fi
    perl -0777 -ne 'print "$2:$1: $3\n" if /Syntax error on line (\d+) of (\S.*?):\n(.*)/' <<<"$said"
    printf '%s: Apache would not start: %s\n' "$place" "$said"
}
