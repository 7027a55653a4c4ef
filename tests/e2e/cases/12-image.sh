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

whatDebianHasNotIsRefused() {
    local pair said
    for pair in 'PHP_EXTENSIONS=soap imap|PHP_EXTENSIONS: Debian has no extension imap for PHP 8.4; it has .* imagick .* zstd' \
        'EXTRA_PACKAGES=there-is-none|EXTRA_PACKAGES: Debian has no package there-is-none' 'LOCALES=xx_XX|LOCALES: Debian has no locale xx_XX'; do
        if said=$(upForImage "${pair%%|*}" 2>&1); then fail "an image was made with ${pair%%|*}"; fi
        expectMatch "what is said of ${pair%%|*}" "✗ the image cannot be built: ${pair#*|}" "$said"
        expectNoMatch "what is said of ${pair%%|*}" 'Step|localedef|apt-get' "$said"
    done
}

testCase "PHP has the extensions that .env names" extensionsAreThere
rareCase 'packages, extensions and locales that .env asks for are in the image' imageHasWhatIsAskedFor
testCase 'what Debian does not have is refused in one line' whatDebianHasNotIsRefused
