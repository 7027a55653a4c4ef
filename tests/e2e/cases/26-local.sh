# shellcheck shell=bash
# What the stack's owner adds in `local`: read last by each daemon, checked before anything is changed, and never what takes
# the site down.

endLocal() {
    rm -rf -- local/*.d/*
    rm -f -- site/local.php
    bin/up >"$results/up-without-local" 2>&1 || fail 'bin/up failed without local:' "$(cat "$results/up-without-local")"
}

writeLocal() {
    printf 'memory_limit = 99M\nlamplighter_test = "from local"\n' >local/php.d/own.ini
    printf 'env[OWN] = "of the pool"\npm.max_requests = 77\n' >local/php-fpm.d/own.conf
    printf 'Header set X-Own "of Apache"\nAlias /own /usr/local/conf/loopback/health\n<Location /own>\n    Require all granted\n</Location>\n' >local/apache2.d/own.conf
    printf '[mariadbd]\nwait_timeout = 1234\ninnodb_buffer_pool_size = 96M\n' >local/mariadb.d/own.cnf
    printf 'timeout 77\nmaxmemory 33mb\n' >local/redis.d/own.conf
    echo '<?php echo ini_get("memory_limit"), " ", get_cfg_var("lamplighter_test"), " ", getenv("OWN");' >site/local.php
}

redisSetting() { # NAME
    inside redis sh -c "REDISCLI_AUTH=\$(cat /run/redis-administrator) redis-cli --user administrator -s /run/redis/redis.sock config get $1" | tail --lines=1
}

localIsReadLast() {
    local before
    trap endLocal EXIT
    before=$(inspect backup '{{.State.StartedAt}}')
    writeLocal
    bin/up >"$results/up-with-local" 2>&1 || fail 'bin/up failed with local:' "$(cat "$results/up-with-local")"
    expectMatch 'what bin/up says' 'What is in local has changed for: apache2 mysql php redis' "$(<"$results/up-with-local")"
    expectEqual 'what PHP has' '99M from local of the pool' "$(web /local.php)"
    expectMatch 'what Apache has' 'X-Own: of Apache' "$(web --include /local.php)"
    expectEqual 'what MariaDB has' $'1234\t100663296' "$(sql 'SELECT @@global.wait_timeout, @@global.innodb_buffer_pool_size')"
    expectEqual 'what Redis has' '77 34603008' "$(redisSetting timeout) $(redisSetting maxmemory)"
    expectEqual 'the start of who has nothing of it' "$before" "$(inspect backup '{{.State.StartedAt}}')"
    # What is the same is left alone.
    before=$(containerFacts)
    bin/up >"$results/up-with-local" 2>&1
    expectEqual 'the containers, and when they started' "$before" "$(containerFacts)"
    expectEqual 'what git sees of it' '' "$(sourceFiles local)"
}

# One of each service, with the place.
localFaultChangesNothing() {
    local before name text said wanted
    trap endLocal EXIT
    before=$(containerFacts)
    while IFS='|' read -r name text wanted; do
        printf '%b' "$text" >"local/$name"
        if bin/up >"$results/up-with-fault" 2>&1; then fail "bin/up took $name:" "$(cat "$results/up-with-fault")"; fi
        said=$(<"$results/up-with-fault")
        expectMatch "what bin/up says of $name" "✗ local/$name:$wanted" "$said"
        expectMatch "what to do about $name" 'Nothing has been changed' "$said"
        expectEqual "the containers beside $name" "$before" "$(containerFacts)"
        rm -f -- "local/$name"
    done <<'END'
php.d/bad.ini|; one\nmemory_limit = (\n|[23]: syntax error
php-fpm.d/bad.conf|; one\nno_such_setting = 1\n|2: unknown entry
apache2.d/bad.conf|# one\n\nNoSuchDirective on\n|3: Invalid command
mariadb.d/bad.cnf|[mariadbd]\n# two\nno_such_setting = 1\n|3: MariaDB knows no setting no_such_setting
redis.d/bad.conf|# one\nno-such-setting 1\n|2: `no-such-setting
schedule.d/bad.cron|# one\n61 * * * * redis rotate-logs\n|2:1: the minute `61` is too large
END
    siteIsUp
}

# As after a reboot: nobody has run bin/up.
localFaultAtStart() {
    local service
    trap endLocal EXIT
    writeLocal
    echo 'x = (' >local/php.d/bad.ini
    echo 'NoSuchDirective on' >local/apache2.d/bad.conf
    printf '[mariadbd]\nno_such_setting = 1\n' >local/mariadb.d/bad.cnf
    echo 'no-such-setting 1' >local/redis.d/bad.conf
    "${compose[@]}" restart mysql redis php apache2 &>"$results/restarted"
    waitUntilHealthy mysql redis php apache2
    waitUntil 20 'the site is up' siteIsUp
    for service in mysql redis php apache2; do
        expectMatch "the health of $service" 'degraded: .*it runs without what is in local: local/' "$(inside "$service" lamplighter health)"
    done
    expectNoMatch 'what Apache has' 'X-Own' "$(web --include /local.php)"
    # Its housekeeping goes on.
    expectOutcome succeeded apache2 check-certificates
    rm -f -- local/*/bad.*
    bin/up >"$results/up-with-local" 2>&1 || fail 'bin/up failed with local:' "$(cat "$results/up-with-local")"
    for service in mysql redis php apache2; do
        expectNoMatch "the health of $service" 'local' "$(inside "$service" lamplighter health)"
    done
    expectEqual 'what PHP has' '99M from local of the pool' "$(web /local.php)"
}

# shellcheck disable=SC2016 # backticks that are meant as such
scheduleOfTheOwner() {
    local since
    trap 'rm -f -- local/schedule.d/own.cron' EXIT
    since=$(now)
    printf '# mine\n62 * * * * redis rotate-logs\n1 2 * * * redis rotate-logs\n' >local/schedule.d/own.cron
    waitForLog 20 scheduler "$since" 'local/schedule\.d/own\.cron:2:1: the minute `62` is too large'
    expectMatch 'the health of the scheduler' 'local/schedule\.d/own\.cron:2:1' "$(inside scheduler lamplighter health)"
    expectMatch 'what comes next' 'rotate-logs +root +1 2 \* \* \*' "$(inside scheduler lamplighter next -n 1000)"
    expectMatch 'what the check says' 'local/schedule\.d/own\.cron:2:1' "$(inside scheduler lamplighter check 2>&1 || true)"
    since=$(now)
    rm -f -- local/schedule.d/own.cron
    waitForLog 20 scheduler "$since" 'in force'
}

half() { # SERVICE STEP-IN-MIB
    local limit
    limit=$(inspect "$1" '{{.HostConfig.Memory}}')
    printf '%d\n' $((limit / 2 - limit / 2 % ($2 * 1048576)))
}

memoryIsFitted() {
    local php=$((500 * 1024 * 1024)) workers
    workers=$(((php - 128 * 1024 * 1024) / (128 * 1024 * 1024)))
    expectEqual 'the limit of php' "$php" "$(inspect php '{{.HostConfig.Memory}}')"
    # PHP-FPM says so when it could use more.
    trap 'rm -f -- site/slow.php' EXIT
    echo '<?php sleep(4);' >site/slow.php
    for _ in {1..4}; do httpStatus /slow.php >"$results/slow" & done
    waitUntil 20 "PHP has $workers workers" inside php grep --fixed-strings "reached pm.max_children setting ($workers)" /var/log/php/fpm.log
    wait
    expectMatch 'what bin/up says' "php 500m = 128M and $workers requests of 128M" "$(bin/up 2>&1)"
    expectEqual 'the buffer pool of MariaDB, and the most of it' "$((512 * 1024 * 1024))"$'\t'"$(half mysql 8)" \
        "$(sql 'SELECT @@global.innodb_buffer_pool_size, @@global.innodb_buffer_pool_size_max')"
    expectEqual 'the cache of Redis' "$(half redis 1)" "$(redisSetting maxmemory)"
}

# Tables are small here: it is the pool that is made smaller.
# shellcheck disable=SC2016 # it is the shell in the container that expands
poolGrows() {
    trap endLocal EXIT
    expectEqual 'the pools for tables of 200 MB, 1 GB and 5 GB, of 3 GB at most' '512M 2G 3G' "$(inside mysql bash -c '
        source /usr/local/sbin/lib/memory.sh
        for megabytes in 200 1024 5120; do sizeOf "$(fittedPool "$((3 * 1024 * mebibyte))" "$((megabytes * mebibyte))")"; done' | paste --serial --delimiters=' ')"
    sql "SET GLOBAL innodb_buffer_pool_size = $((128 * 1024 * 1024))"
    printf '[mariadbd]\ninnodb_buffer_pool_size = 128M\n' >local/mariadb.d/own.cnf
    expectOutcome succeeded mysql check-disk
    expectEqual 'a pool whose size is the owner'"'"'s' "$((128 * 1024 * 1024))" "$(sql 'SELECT @@global.innodb_buffer_pool_size')"
    rm -f -- local/mariadb.d/own.cnf
    expectOutcome succeeded mysql check-disk
    expectMatch 'what it says' 'MariaDB keeps 512M of its tables in memory from now on .before: 128M.' "$(<"$results/output")"
    expectEqual 'the pool' "$((512 * 1024 * 1024))" "$(sql 'SELECT @@global.innodb_buffer_pool_size')"
    expectOutcome succeeded mysql check-disk
    expectNoMatch 'what it says the next time' 'from now on' "$(<"$results/output")"
}

endLongRequests() {
    rm -f -- site/long.php
    unset PHP_TIMEOUT
    "${compose[@]}" up --detach --no-build --no-deps php apache2
    waitUntilHealthy php apache2
}

# shellcheck disable=SC2016 # PHP's variables
# A request that computes is ended by PHP itself, one that waits by PHP-FPM.
timeIsLimited() {
    local began taken
    trap endLongRequests EXIT
    echo '<?php if (isset($_GET["wait"])) sleep(60); while (true);' >site/long.php
    export PHP_TIMEOUT=4
    "${compose[@]}" up --detach --no-build --no-deps php apache2
    waitUntilHealthy php apache2
    began=$EPOCHREALTIME
    expectEqual 'a request that computes' 500 "$(httpStatus /long.php)"
    expectMatch 'the log of PHP' 'Maximum execution time of 4 seconds exceeded' "$(inside php tail --lines=5 /var/log/php/fpm.log)"
    expectMatch 'a request that waits' '^50[234]$' "$(httpStatus '/long.php?wait')"
    taken=$(secondsSince "$began")
    expectBelow 'both requests' 35 "$taken"
}

# shellcheck disable=SC2016 # backticks that are meant as such
# Callbacks and rules of the owner's for a service of the stack, from the next request on.
addedToAService() {
    local before said
    trap 'rm -f -- local/service/php/* local/schedule.d/own.cron' EXIT
    before=$(containerFacts)
    printf 'CB_fetch_feeds() {\n    logInfo "feeds for $1"\n}\n' >local/service/php/docker-callbacks.sh
    printf '[action.fetch-feeds]\nallow = ["%s"]\nrun-as = "request"\n' forum >local/service/php/housekeeping.toml
    printf '1 2 * * * forum php fetch-feeds\n' >local/schedule.d/own.cron
    # Also before php has taken it up.
    said=$(target-sbin/lamplighter check . 2>&1) || fail 'the check finds fault:' "$said"
    expectNoMatch 'what the check says' 'fetch-feeds' "$said"
    expectEqual 'its outcome' succeeded "$(outcomeOf php forum fetch-feeds)"
    expectMatch 'what it says' 'feeds for forum' "$(<"$results/output")"
    expectMatch 'what comes next' 'php +fetch-feeds' "$(inside scheduler lamplighter next -n 1000)"
    said=$(target-sbin/lamplighter check . 2>&1) || fail 'the check finds fault:' "$said"
    expectNoMatch 'what the check says' 'fetch-feeds' "$said"
    # A broken one leaves the last good one going on, is told by its name, and taken by no bin/up.
    printf 'CB_fetch_feeds() {\n    if then\n}\n' >local/service/php/docker-callbacks.sh
    expectEqual 'its outcome' succeeded "$(outcomeOf php forum fetch-feeds)"
    expectMatch 'the health of php' 'degraded: callbacks: .*local/service/php/docker-callbacks\.sh: line 2: syntax error' \
        "$(inside php lamplighter health)"
    if bin/up >"$results/up-with-fault" 2>&1; then fail 'bin/up took it:' "$(cat "$results/up-with-fault")"; fi
    expectMatch 'what bin/up says' '✗ local/service/php/docker-callbacks\.sh:2:[0-9]+: syntax error' "$(<"$results/up-with-fault")"
    printf 'CB_fetch_feeds() { :; }\n' >local/service/php/docker-callbacks.sh
    printf '[action.fetch-feeds]\ntimeuot = "5m"\n' >local/service/php/housekeeping.toml
    expectEqual 'its outcome' succeeded "$(outcomeOf php forum fetch-feeds)"
    expectMatch 'the health of php' 'degraded: policy: local/service/php/housekeeping\.toml:2:1: unknown key `timeuot`' \
        "$(inside php lamplighter health)"
    rm -f -- local/service/php/*
    expectMatch 'the answer when it is gone' '^refused unknown-action' "$(ask php <<<'forum fetch-feeds')"
    expectNoMatch 'the health of php' degraded "$(inside php lamplighter health)"
    expectEqual 'the containers' "$before" "$(containerFacts)"
}

endOwnService() {
    "${compose[@]}" rm --stop --force feeds &>"$results/removed" || true
    rm -rf -- docker-compose.override.yaml local/service/feeds local/service/prepare/* local/schedule.d/own.cron .secrets/feeds-token
    rm -rf -- "$data"/{lamplighter,run/requests,secrets}/feeds "$data/run/feeds-request.sock" || true
    # Compose 1.29 starts all anew when that file comes or goes.
    bin/up >"$results/up-without-own" 2>&1 || fail 'bin/up failed without the service:' "$(cat "$results/up-without-own")"
}

# shellcheck disable=SC2016 # what is written there is expanded there
# As README has it: a service of callbacks only, with a user, a socket and a secret of its own.
wholeServiceOfTheOwner() {
    local said
    trap endOwnService EXIT
    mkdir -p local/service/feeds/{bin,conf}
    printf 'SERVICE=feeds\n' >local/service/feeds/bin/docker-entry-setup.sh
    printf 'CB_fetch() { logInfo "as $(id --user) with $(</run/secrets/feeds-token)"; }\nCB_health_check() { :; }\n' >local/service/feeds/bin/docker-callbacks.sh
    printf '[action.fetch]\ntimeout = "5m"\n' >local/service/feeds/conf/housekeeping.toml
    printf '0700* 10050 10050 lamplighter/feeds\n' >local/service/prepare/folders
    printf 'feeds 10050 feeds-token\n' >local/service/prepare/secrets
    printf '1 2 * * * feeds fetch\n' >local/schedule.d/own.cron
    if bin/up >"$results/up-with-fault" 2>&1; then fail 'bin/up took a secret that is not there:' "$(cat "$results/up-with-fault")"; fi
    expectMatch 'what bin/up says' 'local/service/prepare/secrets:1: there is no secret `feeds-token`' "$(<"$results/up-with-fault")"
    (umask 077 && printf 'token-of-feeds' >.secrets/feeds-token)
    awk '/^```yaml$/ { inside = 1; next } /^```$/ { inside = 0 } inside' README.md >docker-compose.override.yaml
    bin/up >"$results/up-with-own" 2>&1 || fail 'bin/up failed with a service of the owner:' "$(cat "$results/up-with-own")"
    expectMatch 'what bin/up says' '✓ feeds is healthy' "$(<"$results/up-with-own")"
    said=$(target-sbin/lamplighter check --strict . 2>&1) || fail 'the check finds fault:' "$said"
    expectMatch 'the status' $'\nfeeds +callbacks-only +.*healthy' "$(inside scheduler lamplighter status)"
    expectMatch 'what comes next' 'feeds +fetch' "$(inside scheduler lamplighter next -n 1000)"
    expectOutcome succeeded feeds fetch
    expectMatch 'what it says' 'as 10050 with token-of-feeds' "$(<"$results/output")"
    expectEqual 'what git sees of it' '' "$(sourceFiles local docker-compose.override.yaml)"
}

# On the machine, in the stack's folder.
checkAsksTheDaemons() {
    local said
    trap endLocal EXIT
    writeLocal
    said=$(target-sbin/lamplighter check . 2>&1) || fail 'the check finds fault with what is right:' "$said"
    expectNoMatch 'what it says' 'have not checked' "$said"
    printf '# one\nNoSuchDirective on\n' >local/apache2.d/bad.conf
    printf '# one\n\nno-such-setting 1\n' >local/redis.d/bad.conf
    if said=$(target-sbin/lamplighter check . 2>&1); then fail 'the check finds nothing:' "$said"; fi
    expectMatch 'what it says of Apache' 'local/apache2\.d/bad\.conf:2:1: Invalid command' "$said"
    expectMatch 'what it says of Redis' 'local/redis\.d/bad\.conf:3:1: ' "$said"
    said=$(target-sbin/lamplighter check --json . 2>&1 || true)
    expectEqual 'what programs get' $'local/apache2.d/bad.conf 2 error\nlocal/redis.d/bad.conf 3 error' \
        "$(jq --raw-output '.faults[] | select(.file | startswith("local/")) | "\(.file) \(.line) \(.severity)"' <<<"$said" | sort)"
    rm -f -- local/*/bad.*
    said=$(COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME-none target-sbin/lamplighter check . 2>&1) || fail 'the check fails:' "$said"
    expectMatch 'what it says without an image' 'local: warning: the daemons have not checked all of it: there is no image ' "$said"
}

# shellcheck disable=SC2016 # backticks that are meant as such
# The stack's own configuration, which somebody has changed, and local beside it: the fault is where it is.
faultOfTheStackItself() {
    local before own text wanted said
    # Not local: what is done at the end of the case is done outside of this function.
    trap 'if [[ -e $results/own-file ]]; then cat -- "$results/own-file" >"$file"; fi; endLocal' EXIT
    writeLocal
    before=$(containerFacts)
    while IFS='|' read -r own text wanted; do
        file=$own
        cp -- "$file" "$results/own-file"
        printf '%b' "$text" >>"$file"
        if bin/up >"$results/up-with-fault" 2>&1; then fail "bin/up took $file:" "$(cat "$results/up-with-fault")"; fi
        cat -- "$results/own-file" >"$file"
        said=$(<"$results/up-with-fault")
        expectMatch "what bin/up says of $file" "✗ $file:$wanted" "$said"
        expectNoMatch "what bin/up says of $file" '✗ local' "$said"
        expectEqual "the containers beside $file" "$before" "$(containerFacts)"
    done <<'END'
service/apache2/conf/apache2.conf|\nNoSuchDirective on\n|[0-9]+: Invalid command
service/redis/conf/redis.conf|\nno-such-setting 1\n|[0-9]+: `no-such-setting 1`: 
service/mysql/conf/mariadb.cnf|\n[mariadbd]\nno_such_setting = 1\n|[0-9]+: MariaDB knows no setting no_such_setting
service/php/conf/php-fpm.conf|\nno_such_setting = 1\n|[0-9]+: unknown entry
END
}

# What cannot be checked is not taken for good.
checkThatCannotBeMade() {
    local before text said
    file=service/redis/bin/local.sh
    # Not local: what is done at the end of the case is done outside of this function.
    trap 'if [[ -e $results/own-file ]]; then cat -- "$results/own-file" >"$file"; fi; endLocal' EXIT
    cp -- "$file" "$results/own-file"
    before=$(containerFacts)
    echo 'timeout 77' >local/redis.d/own.conf
    # It ends without a word, and well but for its status; or it fails on the way.
    for text in 'daemonFault() { exit 7; }' 'daemonFault() { no-such-command; }' 'exit 10'; do
        { cat -- "$results/own-file" && printf '%s\n' "$text"; } >"$file"
        if bin/up >"$results/up-with-fault" 2>&1; then fail "bin/up took $text:" "$(cat "$results/up-with-fault")"; fi
        said=$(<"$results/up-with-fault")
        expectMatch "what bin/up says of $text" '✗ what is in local for redis cannot be checked \(status [0-9]+\)' "$said"
        expectEqual "the containers beside $text" "$before" "$(containerFacts)"
        said=$(target-sbin/lamplighter check . 2>&1) || fail 'that is no error:' "$said"
        expectMatch "what the check says of $text" 'local: warning: the daemons have not checked all of it: what is in local for redis' "$said"
        if [[ $text == *no-such-command* ]]; then expectMatch 'why' 'no-such-command: command not found' "$said"; fi
    done
}

# Of several daemons at once, and not again while nothing has changed.
checksAreQuick() {
    local began
    trap endLocal EXIT
    writeLocal
    bin/up >"$results/up-with-local" 2>&1
    began=$EPOCHREALTIME
    bin/up >"$results/up-again" 2>&1
    figure 'bin/up with local in four services, as checked before' "$(secondsSince "$began") s"
    expectNoMatch 'what it says' '✓ local: ' "$(<"$results/up-again")"
    rm -f -- local/.checked
    began=$EPOCHREALTIME
    bin/up >"$results/up-again" 2>&1
    figure 'bin/up with local in four services, all checked' "$(secondsSince "$began") s"
    expectMatch 'what it says' '✓ local: apache2 mysql php redis' "$(<"$results/up-again")"
    # A setting that the container goes by is as good as a change of the file.
    echo 'timeout 78' >local/redis.d/own.conf
    bin/up >"$results/up-again" 2>&1
    expectMatch 'what it says of a change' '✓ local: redis ' "$(<"$results/up-again")"
    SLOW_SECONDS=7 bin/check-local || fail 'what is right is refused'
}

testCase 'what is in local is read last by each daemon, and nobody else is disturbed' localIsReadLast
testCase 'a fault in local is told with its place before anything is changed' localFaultChangesNothing
slowCase 'a daemon that starts with a fault in local runs without, and says so' localFaultAtStart
testCase 'a fault of the stack itself is not blamed on local' faultOfTheStackItself
testCase 'what is in local and cannot be checked is not taken for good' checkThatCannotBeMade
slowCase 'what is in local is checked again only when something has changed' checksAreQuick
testCase 'lamplighter check has the daemons check what is in local' checkAsksTheDaemons
testCase 'what local/service adds to a service is used from the next request on, and the last good one goes on' addedToAService
testCase 'a whole service of the owner in local/service comes up beside the others' wholeServiceOfTheOwner
testCase "entries in local/schedule.d are the schedule's, and faults are told in their file" scheduleOfTheOwner
testCase "PHP, MariaDB and Redis are fitted into their containers' memory, and bin/up says how" memoryIsFitted
testCase "MariaDB's memory for tables grows with them, where the owner has not said how much" poolGrows
slowCase 'a request ends at PHP_TIMEOUT, whether it computes or waits' timeIsLimited
