# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# What the image has beside what every site needs: as .env asks for it.

extensionsAreThere() {
    local there name
    there=$(inside php sh -c 'php$PHP_VERSION -m' | tr '[:upper:]' '[:lower:]')
    for name in apcu bz2 exif imagick ldap soap sqlite3 pdo_sqlite; do
        grep --quiet --line-regexp "$name" <<<"$there" || fail "PHP has no $name, but:" "$there"
    done
    inside php sh -c 'php$PHP_VERSION -r "\$i = new Imagick; \$i->newImage(8, 8, \"red\"); \$i->setImageFormat(\"webp\"); echo strlen(\$i->getImageBlob()) > 20 ? 0 : exit(1);"'
}

# In a stack's name of its own; the image itself is the stack's with a layer more, as long as the builder has that.
upForImage() { # SETTING=VALUE...
    env COMPOSE_PROJECT_NAME="$COMPOSE_PROJECT_NAME-bare" "$@" bin/up --prepare
}

imageHasWhatIsAskedFor() {
    local other=$image-bare
    trap 'docker image rm --force "$image-bare" >/dev/null' EXIT
    upForImage PHP_EXTENSIONS='ctype  yaml' EXTRA_PACKAGES='tree' LOCALES='de_DE sr_RS@latin'
    docker run --rm --network none "$other" sh -euc '
        test -x /usr/bin/tree
        php$PHP_VERSION -m | grep --line-regexp yaml
        ! php$PHP_VERSION -m | grep --line-regexp imagick
        locale -a | grep --line-regexp de_DE.utf8
        locale -a | grep --line-regexp sr_RS.utf8@latin
        test ! -e /usr/sbin/policy-rc.d
        ! ls -A /var/lib/apt/lists | grep .'
}

# Of builds that have failed, whoever's they were.
stepsLeft() {
    docker ps --all --filter status=exited --format '{{.Names}} {{.Command}}' | grep --fixed-strings "/bin/sh -c 'set -eu" | sort || true
}

whatDebianHasNotIsRefused() {
    local before
    before=$(stepsLeft)
    local pair said
    for pair in 'PHP_EXTENSIONS=soap imap|PHP_EXTENSIONS: Debian has no extension imap for PHP 8.4; it has .* imagick .* zstd' \
        'EXTRA_PACKAGES=there-is-none|EXTRA_PACKAGES: Debian has no package there-is-none' 'LOCALES=xx_XX|LOCALES: Debian has no locale xx_XX'; do
        if said=$(upForImage "${pair%%|*}" 2>&1); then fail "an image was made with ${pair%%|*}"; fi
        expectMatch "what is said of ${pair%%|*}" "✗ the image cannot be built: ${pair#*|}" "$said"
        expectNoMatch "what is said of ${pair%%|*}" 'Step|localedef|apt-get' "$said"
    done
    # The stack that runs is left as it is.
    said=$(containerFacts)
    if EXTRA_PACKAGES=there-is-none bin/up &>"$results/up"; then fail 'bin/up went on without an image'; fi
    expectEqual 'the containers, and when they started' "$said" "$(containerFacts)"
    siteIsUp
    expectEqual 'the containers that steps have left' "$before" "$(stepsLeft)"
}

packagesAre() { # PATTERN
    inside scheduler lamplighter status apache2 | tee "$results/status" | grep --extended-regexp "^packages +$1, as found "
}

# Made from ours, with a day that is long ago: what says so goes when there is another image.
agesOfPackagesAreSaid() {
    trap 'docker image rm --force "$image-old" >/dev/null 2>&1; bin/up' EXIT
    waitUntil 20 'its age is a fact' packagesAre '[0-9]+ days old, of 20[0-9-]+T[0-9:]+Z'
    printf 'FROM %s\nRUN echo 2020-02-02T00:00:00Z >/usr/local/share/lamplighter/packages-date\n' "$image" |
        docker build --quiet --tag "$image-old" -
    IMAGE=$image-old bin/up
    waitUntil 20 'its age is a fact' packagesAre '[0-9]{4} days old, of 2020-02-02T00:00:00Z'
    expectMatch 'the status' 'apache2: the packages of the image are [0-9]{4} days old.*bin/up --rebuild' "$(inside scheduler lamplighter status)"
    bin/up
    waitUntil 20 'its age is a fact' packagesAre '[0-9]{1,3} days old, of 20[0-9-]+T[0-9:]+Z'
    expectNoMatch 'the status' 'packages of the image' "$(inside scheduler lamplighter status)"
}

testCase "PHP has the extensions that .env names" extensionsAreThere
rareCase 'packages, extensions and locales that .env asks for are in the image' imageHasWhatIsAskedFor
slowCase 'what Debian does not have is refused in one line' whatDebianHasNotIsRefused
slowCase 'how old the packages of the image are is known from the start, and said when it is long' agesOfPackagesAreSaid
