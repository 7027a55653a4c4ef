# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# Moving about: a shell in a service, as what the application is there.

shellIn() { # SERVICE ARGUMENT...
    target-sbin/lamplighter shell "$@"
}

shellOfPhp() {
    local status=0
    mkdir -p site/tools
    trap 'rm -rf -- site/tools local/php.d/own.ini' EXIT
    # With the owner's settings, and nothing to complain of.
    echo 'precision = 7' >local/php.d/own.ini
    expectEqual 'what PHP is set to' 7 "$(shellIn php php -r 'echo ini_get("precision");' 2>&1)"
    rm -f -- local/php.d/own.ini
    expectEqual 'who it is, and where' 'forum /var/www/site' "$(shellIn php sh -c 'echo "$(id --name --user) $(pwd)"')"
    # A tool as wp is, which asks for the settings that the site's code has.
    echo '<?php echo getenv("DB_NAME"), " ", ini_get("upload_max_filesize"), " ", implode(" ", array_slice($argv, 1)), PHP_EOL;' >site/tools/tool.php
    expectEqual 'what a tool of the site knows' 'forum 64M post list --format=csv' "$(shellIn php php tools/tool.php post list --format=csv)"
    expectEqual 'what the PHP of the shell is to MariaDB' 'forum@localhost' \
        "$(shellIn php php -r 'require "stack.php"; echo database()->query("SELECT CURRENT_USER()")->fetchColumn();')"
    expectEqual 'what comes over a pipe' 'from a pipe' "$(echo 'from a pipe' | shellIn php cat)"
    echo 'exit 7' | shellIn php || status=$?
    expectEqual 'the status of a shell' 7 "$status"
    status=0
    shellIn php sh -c 'kill -TERM $$' || status=$?
    expectEqual 'the status of what was killed' 143 "$status"
    # Nothing of root's is left to who may do anything in the shell.
    expectMatch 'its rights' '^Uid:.10001.10001.10001.10001 CapPrm:.0000000000000000 ' \
        "$(shellIn php sh -c 'grep -E "^(Uid|CapPrm):" /proc/self/status | tr "\n" " "')"
}

shellOfMysql() {
    local status=0
    expectEqual 'who it is' $'forum@localhost\tforum' "$(shellIn mysql --skip-column-names -e 'SELECT CURRENT_USER(), DATABASE()')"
    expectEqual 'what comes over a pipe' 42 "$(echo 'SELECT 6 * 7' | shellIn mysql --skip-column-names)"
    expectEqual 'who the administrator is' root@localhost "$(shellIn mysql --administrator --skip-column-names -e 'SELECT CURRENT_USER()')"
    shellIn mysql -e 'SELECT * FROM mysql.user' >"$results/said" 2>&1 || status=$?
    expectEqual 'the status of what is not allowed' 1 "$status"
    expectMatch 'what it says' 'denied' "$(<"$results/said")"
}

shellOfRedis() {
    expectEqual 'who it is' default "$(shellIn redis ACL WHOAMI)"
    expectEqual 'who the administrator is' administrator "$(shellIn redis --administrator ACL WHOAMI)"
    expectEqual 'what comes over a pipe' OK "$(echo 'SET shell word' | shellIn redis)"
    expectEqual 'what is kept' word "$(shellIn redis GET shell)"
}

shellWithoutItsService() {
    local status=0
    trap '"${compose[@]}" start redis; waitUntilHealthy redis' EXIT
    "${compose[@]}" stop redis
    shellIn redis PING >"$results/said" 2>&1 || status=$?
    expectEqual 'the status' 1 "$status"
    expectMatch 'what it says' 'redis of the stack .* is not running.*up --detach redis' "$(<"$results/said")"
    status=0
    shellIn apache2 >"$results/said" 2>&1 || status=$?
    expectEqual 'the status of a service that it is not for' 2 "$status"
    expectMatch 'what it says' 'usage: lamplighter shell php' "$(<"$results/said")"
}

# On a terminal, which `script` makes.
shellOnATerminal() {
    local said
    if ! type -P script >/dev/null; then skip 'there is no program `script` here that makes a terminal'; fi
    said=$(script --quiet --return --command 'target-sbin/lamplighter shell php sh -c "test -t 0 && test -t 1 && echo a terminal"' /dev/null </dev/null)
    expectMatch 'what it has' 'a terminal' "$said"
}

testCase 'lamplighter shell php is the application, in its folder, with its environment' shellOfPhp
testCase "lamplighter shell mysql is the application's account, and the administrator where that is asked for" shellOfMysql
testCase "lamplighter shell redis is the application's user, and the administrator where that is asked for" shellOfRedis
testCase 'a shell has the terminal of who opens it' shellOnATerminal
testCase 'a shell in a service that is away, or that has none, says so' shellWithoutItsService
