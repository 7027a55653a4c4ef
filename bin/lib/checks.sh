# shellcheck shell=bash
# Settings that could not be meant are refused before anything is started.
# shellcheck source=target-sbin/lib/networks.sh
source target-sbin/lib/networks.sh
# shellcheck source=target-sbin/lib/memory.sh
source target-sbin/lib/memory.sh
# shellcheck source=target-sbin/lib/site-names.sh
source target-sbin/lib/site-names.sh

# What Docker would only complain of in its own words, or not at all.
checkSettings() {
    local name value
    if [[ $PWD == *:* ]]; then giveUp "Docker cannot mount a folder with a colon in its path: $PWD"; fi
    if [[ ! $project =~ ^[a-z0-9][a-z0-9_-]*$ ]]; then
        giveUp "COMPOSE_PROJECT_NAME is \`$project\`" 'It may have small letters, digits, - and _ only.'
    fi
    for name in HTTP_PORT HTTPS_PORT; do
        value=$(setting "$name" 0)
        if [[ ! $value =~ ^([0-9.]+:|\[[0-9a-f:]+\]:)?[0-9]{1,5}$ ]]; then
            giveUp "$name is \`$value\`" 'A port, or address:port, is wanted.'
        fi
        if ((10#${value##*:} > 65535)); then giveUp "$name is \`$value\`" 'A port is a number up to 65535.'; fi
    done
    if [[ $(setting HTTP_PORT 8080) == "$(setting HTTPS_PORT 8443)" ]]; then
        giveUp "HTTP_PORT and HTTPS_PORT are both $(setting HTTP_PORT 8080)" 'Each wants a port of its own.'
    fi
    checkConsolePort
    for name in LAMPLIGHTER_DATA=./data BACKUP_PATH=./data/backups SITE_PATH=./site; do
        value=$(setting "${name%%=*}" "${name#*=}")
        if [[ ! $value =~ ^(/|\./|\.\./|~/) ]]; then
            giveUp "${name%%=*} is \`$value\`" "It has to begin with / or ./, or Docker takes it for a volume's name."
        fi
    done
    for name in BACKUP_KEEP_DAYS=14 BACKUP_KEEP_WEEKS=8 BACKUP_KEEP_MONTHS=12 BACKUP_CHECK_NIGHTS=7 BACKUP_FEWER_PERCENT=30; do
        value=$(setting "${name%%=*}" "${name#*=}")
        if [[ ! $value =~ ^[1-9][0-9]{0,3}$ ]]; then giveUp "${name%%=*} is \`$value\`" 'A number from 1 to 9999 is wanted.'; fi
    done
    value=$(setting DISK_FULL_PERCENT 85)
    if [[ ! $value =~ ^[1-9][0-9]?$ ]]; then giveUp "DISK_FULL_PERCENT is \`$value\`" 'A number from 1 to 99 is wanted.'; fi
    value=$(setting STANDBY_SYNC '')
    if [[ ! $value =~ ^[01]?$ ]]; then giveUp "STANDBY_SYNC is \`$value\`" '1 is wanted, or nothing.'; fi
    value=$(setting STANDBY_KEEP_HOURS 24)
    if [[ ! $value =~ ^[1-9][0-9]{0,3}$ ]]; then giveUp "STANDBY_KEEP_HOURS is \`$value\`" 'A number of hours is wanted, such as 24.'; fi
    value=$(setting SITE_HTTPS auto)
    if [[ ! $value =~ ^(auto|on|off)$ ]]; then giveUp "SITE_HTTPS is \`$value\`" 'auto, on or off is wanted.'; fi
    value=$(setting HSTS_DAYS 30)
    if [[ ! $value =~ ^[0-9]{1,4}$ ]]; then giveUp "HSTS_DAYS is \`$value\`" 'A number from 0 to 9999 is wanted.'; fi
    for name in CONNECTIONS_PER_ADDRESS=50 VISITS_PER_ADDRESS=0; do
        value=$(setting "${name%%=*}" "${name#*=}")
        if [[ ! $value =~ ^(0|[1-9][0-9]{0,5})$ ]]; then giveUp "${name%%=*} is \`$value\`" 'A number is wanted, 0 for no limit.'; fi
    done
    value=$(setting UPLOAD_MAX 64M)
    if [[ ! $value =~ ^[1-9][0-9]{0,8}[KMG]?$ ]]; then giveUp "UPLOAD_MAX is \`$value\`" 'A number with K, M or G is wanted, such as 64M.'; fi
    value=$(setting UPLOAD_DIRS '')
    if [[ ! $value =~ ^[[:alnum:]._/\ -]*$ || /${value// /\/}/ == */../* ]]; then
        giveUp "UPLOAD_DIRS is \`$value\`" 'Folders below the document root are wanted, separated by blanks.'
    fi
    value=$(setting SITE_PATH ./site)
    if [[ ! -d ${value/#\~/$HOME} ]]; then
        giveUp "SITE_PATH is \`$value\`, and there is no such folder" 'Name the folder of your site in .env.'
    fi
}

checkConsolePort() {
    local port name
    port=$(setting CONSOLE_PORT '')
    if [[ -z $port ]]; then return; fi
    if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then
        giveUp "CONSOLE_PORT is \`$port\`" 'A port is wanted, such as 8090, or nothing for no web console. Where it listens says CONSOLE_ADDRESS.'
    fi
    for name in HTTP_PORT=8080 HTTPS_PORT=8443; do
        if [[ $((10#$(setting "${name%%=*}" "${name#*=}" | sed 's/.*://'))) == "$port" ]]; then
            giveUp "${name%%=*} and CONSOLE_PORT are both $port" 'Each wants a port of its own.'
        fi
    done
    checkConsoleName
}

# Beyond this machine it speaks TLS alone, and has a name that is not the site's: cookies know no ports.
checkConsoleName() {
    local address name others
    address=$(setting CONSOLE_ADDRESS 127.0.0.1)
    name=$(setting CONSOLE_NAME '')
    if [[ ! $address =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ ]]; then
        giveUp "CONSOLE_ADDRESS is \`$address\`" 'An IPv4 address of this machine is wanted: 0.0.0.0 for all of them, or 127.0.0.1 for this machine alone.'
    fi
    if [[ -z $name ]]; then
        if [[ $address == 127.* ]]; then return; fi
        giveUp "CONSOLE_ADDRESS is $address, and there is no CONSOLE_NAME" \
            'Beyond this machine the web console speaks TLS alone: give it a name and a certificate (docs/CONSOLE.md).'
    fi
    if [[ $name == *:* ]] || ! isName "$name"; then
        giveUp "CONSOLE_NAME is \`$name\`" 'The name of a host is wanted, in small letters, such as console.example.'
    fi
    # Those of other alphabets are in SITE_HOSTS as DNS has them, once bin/up has been there.
    others=$(foldNames "$(setting SITE_NAME localhost | tr --delete '\200-\377') $(setting SITE_ALIASES '' | tr --delete '\200-\377')")
    if [[ " $others $(setting SITE_HOSTS '') " == *" $name "* ]]; then
        giveUp "CONSOLE_NAME is $name, and so is the site" 'Whoever breaks into the site would get at those who are logged in: the web console wants a name of its own.'
    fi
}

# Those that Apache and an authority for certificates know the site by.
checkNames() {
    local name contact
    name=$(foldName "$(setting SITE_NAME localhost)")
    # Letters of other alphabets are folded in the container, by what it has for that.
    if [[ $name != *[![:ascii:]]* ]] && ! isName "$name"; then
        giveUp "SITE_NAME is \`$(setting SITE_NAME localhost)\`" \
            'One name is wanted, such as forum.example, without http:// before it. Others go to SITE_ALIASES.'
    fi
    contact=$(foldAddress "$(setting ACME_CONTACT '')")
    if [[ -n $contact && ! $contact =~ ^[^@[:space:]]+@[^@[:space:]]+$ ]]; then
        giveUp "ACME_CONTACT is \`$contact\`" 'One mail address is wanted, such as you@forum.example.'
    fi
}

checkSiteSettings() {
    local value site
    value=$(setting TASK '')
    if [[ -n $value && (! $value =~ ^[[:alnum:]._][[:alnum:]._/-]*$ || /$value/ == */../*) ]]; then
        giveUp "TASK is \`$value\`" 'The path of a script below SITE_PATH is wanted, such as cron.php.'
    fi
    site=$(setting SITE_PATH ./site)
    if [[ -n $value && ! -e ${site/#\~/$HOME}/$value ]]; then
        note "TASK is \`$value\`, and there is no such file in $site yet."
    fi
    value=$(setting CACHE_WITHOUT_PASSWORD '')
    if [[ ! $value =~ ^[01]?$ ]]; then giveUp "CACHE_WITHOUT_PASSWORD is \`$value\`" '1 is wanted, or nothing.'; fi
    value=$(setting SLOW_SECONDS 0)
    if [[ ! $value =~ ^(0|[1-9][0-9]{0,3})$ ]]; then
        giveUp "SLOW_SECONDS is \`$value\`" 'A whole number of seconds is wanted, 0 for no slow logs.'
    fi
}

# A site whose mail goes nowhere is noticed late. The secrets are there already.
checkMail() {
    local value file wanted
    value=$(setting SITE_MAIL '')
    if [[ ! $value =~ ^[01]?$ ]]; then giveUp "SITE_MAIL is \`$value\`" '1 is wanted, or nothing.'; fi
    if [[ $value != 1 ]]; then return; fi
    if [[ $(setting SITE_NETWORK none) == none ]]; then
        giveUp 'SITE_MAIL is 1, and SITE_NETWORK is none: PHP could reach no relay' \
            'SITE_NETWORK=bridge in .env lets the application out, to the relay and to everything else.'
    fi
    file=$(setting LAMPLIGHTER_SECRETS ./.secrets)/site-mail
    for wanted in host from; do
        if ! grep --quiet --extended-regexp "^[[:space:]]*${wanted}[[:space:]]+[^[:space:]]" -- "$file"; then
            giveUp "SITE_MAIL is 1, and $file has no line \`$wanted …\`" \
                'Lines for msmtp are wanted: host mail.example, port 587, from forum@forum.example, tls on, auth on, user …, password …'
        fi
    done
}

# Lists of networks are looked at when they are fetched.
checkNetworks() {
    local name word
    local -a words
    for name in REFUSED_NETWORKS CRAWLER_NETWORKS; do
        read -r -a words <<<"$(wordsOf "$name")"
        for word in "${words[@]}"; do
            if [[ ! $word =~ ^https?:// ]] && ! isNetwork "$word"; then
                giveUp "$name has \`$word\`" 'Networks, and addresses of lists (https://…), are wanted, such as 203.0.113.0/24 or 2001:db8::/32 (from /8 on, IPv6 from /16 on).'
            fi
        done
    done
}

# Whose the site's files are, and who runs its code: nobody else, and not root.
checkApplication() {
    local name value
    value=$(setting APP_USER forum)
    if [[ ! $value =~ ^[a-z_][a-z0-9_-]{0,31}$ || $value == root ]]; then
        giveUp "APP_USER is \`$value\`" 'A name of its own is wanted for the application, of small letters, digits, _ and -, such as forum.'
    fi
    for name in APP_UID=10001 APP_GID=10001; do
        value=$(setting "${name%%=*}" "${name#*=}")
        if [[ ! $value =~ ^[1-9][0-9]{3,8}$ ]]; then
            giveUp "${name%%=*} is \`$value\`" 'A number from 1000 on is wanted: those below are of the system.'
        fi
    done
}

checkProxies() {
    local word name
    local -a words
    read -r -a words <<<"$(wordsOf TRUSTED_PROXIES)"
    for word in "${words[@]}"; do
        if [[ $word == host ]]; then
            for name in HTTP_PORT HTTPS_PORT; do
                if [[ $(setting "$name" '') != 127.* ]]; then
                    giveUp "TRUSTED_PROXIES has \`host\`, and $name is \`$(setting "$name" '')\`" \
                        "Others who come that way look like this machine, too, and would be believed: $name=127.0.0.1:8080, for example."
                fi
            done
        elif ! isNetwork "$word"; then
            giveUp "TRUSTED_PROXIES has \`$word\`" 'Networks or addresses are wanted, such as 192.0.2.7 or 2001:db8::/32 (from /8 on, IPv6 from /16 on), or host.'
        fi
    done
}

checkCanonical() {
    local value
    value=$(setting SITE_CANONICAL 0)
    if [[ ! $value =~ ^[01]$ ]]; then giveUp "SITE_CANONICAL is \`$value\`" '1 is wanted, or 0.'; fi
    if [[ $value == 1 && $(foldName "$(setting SITE_NAME localhost)") == localhost ]]; then
        giveUp 'SITE_CANONICAL is 1, and SITE_NAME is localhost' 'Set SITE_NAME to the name that all others are to lead to.'
    fi
}

# With room for two, PHP answers while one computes.
checkPhp() {
    local memory timeout name value
    memory=$(setting PHP_MEMORY 128M)
    if [[ ! $memory =~ ^[1-9][0-9]{0,5}[MG]$ ]]; then giveUp "PHP_MEMORY is \`$memory\`" 'A number with M or G is wanted, such as 128M.'; fi
    timeout=$(setting PHP_TIMEOUT 300)
    if [[ ! $timeout =~ ^[1-9][0-9]{0,4}$ ]]; then giveUp "PHP_TIMEOUT is \`$timeout\`" 'A number of seconds is wanted, such as 300.'; fi
    for name in MEMORY_PHP=1g MEMORY_MYSQL=1g MEMORY_REDIS=512m; do
        value=$(setting "${name%%=*}" "${name#*=}")
        if [[ ! $value =~ ^[1-9][0-9]*([kmgKMG][bB]?)?$ ]]; then giveUp "${name%%=*} is \`$value\`" 'A number with m or g is wanted, such as 512m.'; fi
    done
    if (($(bytesOf "$(setting MEMORY_PHP 1g)") < 128 * mebibyte + 2 * $(bytesOf "$memory"))); then
        giveUp "MEMORY_PHP is $(setting MEMORY_PHP 1g), and PHP_MEMORY is $memory" \
            "There has to be room for two requests beside 128M that all of PHP shares: raise MEMORY_PHP, or lower PHP_MEMORY."
    fi
}

# The arithmetic of the personalities.
noteMemory() {
    local php mysql redis
    php=$(setting MEMORY_PHP 1g) mysql=$(setting MEMORY_MYSQL 1g) redis=$(setting MEMORY_REDIS 512m)
    note "Memory: php $php = 128M and $(phpWorkers "$(bytesOf "$php")" "$(bytesOf "$(setting PHP_MEMORY 128M)")") requests of $(setting PHP_MEMORY 128M); mysql $mysql, up to $(sizeOf "$(bufferPool "$(bytesOf "$mysql")")") of it for tables; redis $redis, $(sizeOf "$(cacheSize "$(bytesOf "$redis")")") of it full"
}
