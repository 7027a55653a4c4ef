# shellcheck shell=bash disable=SC2016 # backticks and dollars are others'
# Real sites move in, as README's "Your own site" leads through it: WordPress and MediaWiki, from Debian's packages.

# README's "Moving in", in its order: what .env is to say, the files, up.
moveIn() { # NAME SETTING=VALUE...
    needSitesImage
    beginSite "$1"
    mkdir -- application
    runRelay
    putIntoEnv SITE_NAME=forum.test SITE_PATH=./application SITE_MAIL=1 SITE_NETWORK="$relay" "${@:2}"
    printf '%s\n' 'host relay.test' 'port 25' 'from site@forum.test' >.secrets/site-mail
    mkdir -- "$results/$1-files"
    applicationFiles "$1" "$results/$1-files"
    bin/import --files "$results/$1-files" >"$results/import" 2>&1 || fail 'bin/import failed:' "$(<"$results/import")"
    rm -rf -- "$results/$1-files"
    bringSiteUp "of $1"
}

# A file of the application's, as who edits it in its folder.
putFile() { # PATH < CONTENT
    docker run --rm --interactive --network none --user root --volume "$PWD/application:/to" --entrypoint sh "$image" -euc '
        cat >"/to/$1" && chown 10001:10001 "/to/$1" && chmod 0640 "/to/$1"' sh "$1"
}

isPublished() { # TITLE
    sql "SELECT post_status FROM forum.wp_posts WHERE post_title = '$1'" | grep --line-regexp publish
}

periodicTaskPublishes() {
    carryOut php task-check
    isPublished 'A lamp for later'
}

wordpressMovesIn() {
    local address
    trap endSite EXIT
    moveIn wordpress UPLOAD_DIRS=wp-content/uploads TASK=wp-cron.php
    putFile wp-config.php <<'PHP'
<?php
define('DB_NAME', 'forum');
define('DB_USER', 'forum');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:/run/mysqld/mysqld.sock');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('DISABLE_WP_CRON', true);
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) {
    define($name, hash('sha256', $name));
}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
PHP
    browse wordpress install
    browse wordpress later 'A lamp for later'
    browse wordpress permalinks
    address=$(browse wordpress post 'The first lamp')
    expectEqual 'where the post is' /the-first-lamp/ "$address"
    browse wordpress show "$address" 'The first lamp' wordpress
    browse wordpress forget
    expectMatch 'the mail that came' 'keeper@forum.test.*[Pp]assword' "$(docker logs "$relay" 2>&1)"
    expectEqual 'what Site Health calls critical' '[]' "$(browse wordpress health wordpress-health)"
    waitUntil 150 'the periodic task has published what was due' periodicTaskPublishes
    livesOn wordpress "$address" 'The first lamp'
}

readonly mediawikiSettings='
$wgEnableUploads = true;
# Debian has it outside of the files that move.
$wgCacheDirectory = "$IP/cache";
$wgFavicon = "$wgResourceBasePath/resources/assets/change-your-logo.svg";
$wgArticlePath = "/wiki/$1";
$wgPasswordReminderResendTime = 0;
$wgEnableEmail = true;
$wgJobRunRate = 0;
'

mediawikiMovesIn() {
    local address
    trap endSite EXIT
    moveIn mediawiki UPLOAD_DIRS=images TASK=maintenance/runJobs.php
    # As the import says.
    expectMatch 'what the import says' 'cannot read .*images.*chmod --recursive g.rX' "$(<"$results/import")"
    docker run --rm --network none --user root --volume "$PWD/application:/to" --entrypoint chmod "$image" --recursive g+rX /to/images
    browse mediawiki install /run/mysqld/mysqld.sock forum >"$results/LocalSettings.php"
    { cat -- "$results/LocalSettings.php" && printf '%s' "$mediawikiSettings"; } | putFile LocalSettings.php
    printf '%s\n' 'RewriteEngine On' 'RewriteRule ^/?wiki(/.*)?$ /index.php [L]' | putFile .htaccess
    address=$(browse mediawiki post First_lamp)
    browse mediawiki show "$address" 'Grüße 🏮' mediawiki
    browse mediawiki forget
    carryOut php task-check
    expectMatch 'the mail that came' 'keeper@forum.test' "$(docker logs "$relay" 2>&1)"
    livesOn mediawiki "$address" 'Grüße 🏮'
}

# Its own dump comes in again, it is backed up, damaged, restored, and moves to a new machine.
livesOn() { # NAME ADDRESS TEXT
    local facts
    carryOut mysql nightly-backup
    inside mysql mariadb-dump --single-transaction --routines --triggers forum | gzip >"$results/$1.sql.gz"
    facts=$(applicationFacts)
    sql 'DROP TABLE forum.'"$(sql "SELECT table_name FROM information_schema.tables WHERE table_schema = 'forum' AND table_name REGEXP '(posts|page)\$'")"
    bin/import --force "$results/$1.sql.gz"
    expectEqual "what $1 has after its own dump was imported" "$facts" "$(applicationFacts)"
    browse "$1" show "$2" "$3" "$1-imported"

    carryOut mysql nightly-backup
    carryOut backup nightly-backup
    carryOut backup restore-drill
    facts=$(applicationFacts)
    docker run --rm --network none --user root --volume "$PWD/application:/to" --entrypoint sh "$image" -euc 'rm -rf /to/wp-content/uploads /to/images /to/index.php'
    sql 'DROP DATABASE forum'
    bin/restore --force
    expectEqual "what $1 has after the damage was undone" "$facts" "$(applicationFacts)"
    browse "$1" show "$2" "$3" "$1-restored"
    movesToANewMachine "$1" "$2" "$3" "$facts"
}

# What README names is carried over, and nothing else.
movesToANewMachine() { # NAME ADDRESS TEXT FACTS
    "${compose[@]}" down
    copyTree "$repo" "$siteStack-moved"
    install -D --mode=0600 -- .secrets/backup-password "$siteStack-moved/.secrets/backup-password"
    install --mode=0600 -- .secrets/site-mail "$siteStack-moved/.secrets/site-mail"
    cp -- .env "$siteStack-moved/.env"
    mkdir -p -- "$siteStack-moved/data"
    docker run --rm --network none --user root --volume "$PWD/data:/from:ro" --volume "$siteStack-moved/data:/to" --entrypoint cp "$image" \
        --archive /from/backups /to/backups
    export COMPOSE_PROJECT_NAME=$siteProject-moved
    cd -- "$siteStack-moved" || return
    bin/restore
    expectEqual "what $1 has on another machine" "$4" "$(applicationFacts)"
    browse "$1" show "$2" "$3" "$1-moved"
}

rareCase 'WordPress moves in: installed, posts with uploads, mail, its periodic task, Site Health, import, restore, a new machine' wordpressMovesIn
rareCase 'MediaWiki moves in: installed, pages with uploads, mail, its periodic task, import, restore, a new machine' mediawikiMovesIn
