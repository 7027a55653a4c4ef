# shellcheck shell=bash
# Real applications that move in, each into a stack of its own, as README's "Your own site" says; and a browser that visits
# them. Applications and browser are Debian's packages, in an image made of the stack's own. Needs
# `sitesImage` and `siteStack`.

needSitesImage() {
    if docker image inspect "$sitesImage" &>/dev/null; then return; fi
    docker run --name "$COMPOSE_PROJECT_NAME-sites" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" --user root \
        --entrypoint sh "$image" -euc '
            apt-get -qq update
            DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium chromium-driver \
                fonts-dejavu-core fonts-noto-color-emoji mediawiki python3-selenium wordpress wordpress-theme-twentytwentyfive'
    docker commit "$COMPOSE_PROJECT_NAME-sites" "$sitesImage" >/dev/null
    docker rm "$COMPOSE_PROJECT_NAME-sites" >/dev/null
}

# The files of an application as one has them who has fetched them: with nothing that links to Debian's other packages.
applicationFiles() { # NAME FOLDER
    docker run --rm --network none --user root --volume "$2:/to" --entrypoint sh "$sitesImage" -euc '
        case $1 in
        wordpress) cp --recursive --dereference /usr/share/wordpress/. /to/ && rm -f /to/wp-config.php /to/.htaccess ;;
        mediawiki) cd /var/lib/mediawiki && find . -mindepth 1 -maxdepth 1 ! -name LocalSettings.php -exec cp --recursive --dereference -- {} /to/ \; ;;
        esac' sh "$1"
}

# A step of tests/e2e/sites/NAME.py, in a browser on this machine. What goes wrong is told with what the site's logs say.
browse() { # NAME STEP [ARGUMENT...]
    mkdir -p -- "$results/pictures"
    docker run --rm --network host --user root --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --tmpfs /tmp --tmpfs /root --env RESULTS=/results --volume "$results/pictures:/results" \
        --volume "$repo/tests/e2e/sites:/sites:ro" --entrypoint timeout "$sitesImage" \
        600 python3 -B "/sites/$1.py" "http://forum.test:$HTTP_PORT" "${@:2}" || showSiteLogs "$1 $2"
}

showSiteLogs() { # STEP
    inside php tail --lines=8 /var/log/php/fpm.log >&2
    inside apache2 tail --lines=8 /var/log/apache2/error.log /var/log/apache2/access.log >&2
    fail "the step $1 failed"
}

# A stack of its own for one application, up, with a relay for its mail beside it. The commands are README's.
beginSite() { # NAME
    siteProject=$COMPOSE_PROJECT_NAME-$1
    removeStack "$siteProject" "$siteStack"
    export COMPOSE_PROJECT_NAME=$siteProject
    HTTP_PORT=$(freePort 20480)
    HTTPS_PORT=$(freePort "$((HTTP_PORT + 1))")
    copyTree "$repo" "$siteStack"
    cd -- "$siteStack" || return
    bin/up --prepare
}

# As one edits it.
putIntoEnv() { # NAME=VALUE...
    local pair
    for pair; do
        if grep --quiet "^${pair%%=*}=" .env; then
            sed --in-place "s|^${pair%%=*}=.*|$pair|" .env
        else
            printf '%s\n' "$pair" >>.env
        fi
    done
}

bringSiteUp() { # WHAT
    timeout 900 bin/up >"$results/site-up" 2>&1 || fail "bin/up $1 failed:" "$(tail --lines=40 "$results/site-up")"
}

# The stack on the new machine, too, which the relay's network has containers of.
endSite() {
    local project
    if [[ -z ${siteProject:-} ]]; then return; fi
    docker rm --force "$relay" &>/dev/null || true
    cd -- "$repo" || return
    removeStack "$siteProject-moved" "$siteStack-moved"
    removeStack "$siteProject" "$siteStack"
    docker network rm "$relay" &>/dev/null || true
    for project in "$siteProject" "$siteProject-moved"; do docker image rm "lamplighter:$project" &>/dev/null || true; done
}

# All rows and all files, in a form that can be compared: what an application counts of its own visits left out.
applicationFacts() {
    (cd -- application && find . -type f ! -path '*/cache/*' -exec sha256sum '{}' + | sort --key=2)
    sql "SELECT CONCAT('CHECKSUM TABLE forum.\`', table_name, '\`;') FROM information_schema.tables
        WHERE table_schema = 'forum' AND table_name NOT REGEXP 'options|objectcache|job|l10n_cache|usermeta|user_newtalk|uploadstash'
        ORDER BY table_name" >"$results/statements"
    inside mysql mariadb --batch --skip-column-names <"$results/statements"
}
