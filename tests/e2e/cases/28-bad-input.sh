# shellcheck shell=bash
# A site that is not as it should be: the one that runs goes on, and bin/up says in one message what is wrong, and where.

refusedSite() { # WHAT PATTERN
    local before
    before=$(containerFacts)
    if bin/up >"$results/up-with-fault" 2>&1; then fail "bin/up took $1:" "$(cat "$results/up-with-fault")"; fi
    expectMatch "what bin/up says of $1" "$2" "$(<"$results/up-with-fault")"
    expectEqual "the containers beside $1" "$before" "$(containerFacts)"
    siteIsUp
}

noSiteIsRefused() {
    trap 'rm -rf -- "$results/empty"' EXIT
    SITE_PATH=$results/none refusedSite 'a folder that is missing' 'SITE_PATH is .*/none., and there is no such folder'
    mkdir -p -- "$results/empty"
    SITE_PATH=$results/empty refusedSite 'an empty folder' 'SITE_PATH is .*/empty., and there is nothing in it'
    SITE_PUBLIC=public refusedSite 'a document root that is missing' 'SITE_PUBLIC is .public., and there is no such folder in \./site'
}

upSays() { # WHAT PATTERN
    bin/up >"$results/up-with-fault" 2>&1 || fail "bin/up failed with $1:" "$(cat "$results/up-with-fault")"
    expectMatch "what bin/up says of $1" "$2" "$(<"$results/up-with-fault")"
}

endBrokenSite() {
    if [[ -e $results/htaccess ]]; then mv -- "$results/htaccess" site/.htaccess; else rm -f -- site/.htaccess; fi
}

brokenSiteIsExplained() {
    local before
    trap endBrokenSite EXIT
    if [[ -e site/.htaccess ]]; then cp -- site/.htaccess "$results/htaccess"; fi
    before=$(containerFacts)
    printf 'RewriteEngine On\nNoSuchDirective on\n' >site/.htaccess
    upSays 'a broken .htaccess' "answers with HTTP 500: \\./site/\\.htaccess: Invalid command 'NoSuchDirective'"
    endBrokenSite
    echo 'RewriteEngine On' >site/.htaccess
    chmod 0600 site/.htaccess
    upSays 'a file of another owner' 'answers with HTTP 403: \./site/\.htaccess cannot be read by Apache'
    expectEqual 'the containers, and when they started' "$before" "$(containerFacts)"
}

testCase 'a site that is missing or empty is refused before anything is changed' noSiteIsRefused
testCase 'of a site that does not answer bin/up says why: a broken .htaccess, a file that cannot be read' brokenSiteIsExplained
