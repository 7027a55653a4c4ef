# shellcheck shell=bash
# How old the image's packages are. Sourced by callbacks.

# The Dockerfile writes the day there on which it got them.
: "${PACKAGES_DATE_FILE:=/usr/local/share/lamplighter/packages-date}"

# A fact for `status`; a problem when they are older than PACKAGES_DAYS. Whether Debian has newer ones, only who has a
# network could ask.
checkPackages() {
    local date days limit=${PACKAGES_DAYS:-30}
    if [[ ! -r $PACKAGES_DATE_FILE ]]; then
        skipRun 'this image does not say how old its packages are: bin/up --rebuild makes one that does'
    fi
    date=$(<"$PACKAGES_DATE_FILE")
    days=$((($(date +%s) - $(date --date="$date" +%s)) / 86400))
    if ((days < 0)); then days=0; fi
    logInfo "the packages of the image are of $date: $days days old"
    leaveInstant packages "$(date --utc --date="$date" +%Y-%m-%dT%H:%M:%SZ)" "$days days old, of $date"
    if ((limit > 0 && days > limit)); then
        leaveProblem old-packages "the packages of the image are $days days old, and Debian's security updates are not in it: bin/up --rebuild makes it anew (the limit is $limit days, PACKAGES_DAYS in .env)"
    else
        takeAwayProblem old-packages
    fi
}
