# shellcheck shell=bash
# The site as its visitors see it, and what they must not see.

pageOverHttp() {
    local before page after row
    before=$(web '/?format=json')
    page=$(web /)
    after=$(web '/?format=json')
    row=$(jq .mariadb.row <<<"$after")
    expectMatch 'the page' 'All lamps are lit' "$page"
    expectMatch 'the page' "class=\"new\"><td>$((row - 1))</td>" "$page"
    expectEqual 'rows written by three views' "$(($(jq .mariadb.row <<<"$before") + 2))" "$row"
    expectEqual 'that row in MariaDB' 1 "$(sql "SELECT COUNT(*) FROM forum.visits WHERE id = $row")"
    expectEqual 'the counter after three views' "$(($(jq .redis.count <<<"$before") + 2))" "$(jq .redis.count <<<"$after")"
}

pageOverHttps() {
    local before answer
    openssl x509 -in "$data/certificates/self-signed.pem" -out "$results/certificate.pem"
    before=$(web '/?format=json' | jq .mariadb.row)
    answer=$(webTls --http1.1 '/?format=json')
    expectEqual 'the row after one view' "$((before + 1))" "$(jq .mariadb.row <<<"$answer")"
    expectMatch 'the protocol that PHP saw' 'HTTP/1.1, encrypted' "$(jq --raw-output .protocol <<<"$answer")"
}

pageOverHttp2() {
    local answer
    openssl x509 -in "$data/certificates/self-signed.pem" -out "$results/certificate.pem"
    answer=$(webTls --http2 --write-out '\n%{http_version} %{http_code}' /)
    expectEqual 'version and status' '2 200' "${answer##*$'\n'}"
    expectMatch 'the page' 'HTTP/2.0' "$answer"
}

# None of them answers with its content, and none is even said to be there.
hiddenFilesDoNotExist() {
    local path answer
    mkdir -p site/.git site/sub site/.well-known/acme-challenge
    echo 'LEAK=1' >site/.env
    echo '# LEAK' | tee site/.git/config site/sub/.htaccess >site/sub/.hidden.txt
    echo '<?php echo "LEAK";' >site/sub/.hidden.php
    echo 'token' >site/.well-known/acme-challenge/token
    for path in /.env //.env /./.env /%2eenv /.env/ /.env/x '/.env?x' /sub/../.env /sub/%2e%2e/.env '/.env%00' '/.env%20' \
        /.git /.git/ /.git/config /.git%2fconfig /sub/.htaccess /sub//.htaccess '/sub/.htaccess;x' /sub/.hidden.txt \
        /sub/.hidden.php /sub/.hidden.php/x /.well-known/../.env; do
        answer=$(web --path-as-is --include "$path")
        expectNoMatch "the answer to $path" LEAK "$answer"
        expectMatch "the answer to $path" '^HTTP/1.1 40[034] ' "$answer"
    done
    expectEqual 'what is to be found' token "$(web /.well-known/acme-challenge/token)"
}

# Beside the document root, where PHP and Apache both see it; and links to it that Apache follows: their owner is its owner.
placeOutside() { # CODE
    docker exec --interactive --user "$application" "$(container php)" sh -c 'cat >/run/php/outside.php' <<<"$1"
    docker run --rm --network none --volume "$PWD/site:/site" --entrypoint sh "$image" -euc "
        ln -sfn /run/php/outside.php /site/inward.php
        ln -sfn /run/php /site/inward
        chown --no-dereference $application:$application /site/inward.php /site/inward"
}

removeOutside() {
    rm -f -- site/inward.php site/inward
    docker exec --user "$application" "$(container php)" rm -f /run/php/outside.php
}

# 42007 is what the code prints when it is run; "6 * 7000" is its source.
onlyScriptsOfTheRootAreRun() {
    local path answer
    local code='<?php echo 6 * 7000 + 7;'
    mkdir -p site/upload
    for path in site/upload/picture.jpg site/old.phtml site/old.php5 site/old.phar site/OLD.PHP site/index.php.bak site/index.php~; do
        printf '%s' "$code" >"$path"
    done
    trap removeOutside EXIT
    placeOutside "$code"
    expectEqual 'what Apache sees outside' "$code" "$(inside apache2 cat /var/www/site/inward/outside.php)"

    expectEqual 'an upload is served as it is' "$code" "$(web /upload/picture.jpg)"
    for path in /upload/picture.jpg/x.php /upload/picture.jpg%00.php /upload/picture.jpg%2fx.php /upload/picture.jpg/.php \
        '/upload/picture.jpg%0a.php' /old.phtml /old.php5 /old.phar /OLD.PHP /index.php.bak /index.php~ \
        /inward.php /inward/outside.php /ping /status /../../../run/php/outside.php \
        /%2e%2e/%2e%2e/%2e%2e/run/php/outside.php /cgi-bin/php /server-status; do
        answer=$(web --path-as-is --include "$path")
        expectNoMatch "the answer to $path" '42007|6 \* 7000|pong|pool:' "$answer"
        expectMatch "the answer to $path" '^HTTP/1.1 40[034] ' "$answer"
    done
}

# Whoever breaks into the application may make links, and what they lead to is not the application's.
linksOfTheApplicationStayInside() {
    if [[ $EUID -ne 0 ]]; then skip 'only root can make a link of another user'; fi
    ln -sfn /etc/passwd site/passwd.txt
    chown --no-dereference 10001:10001 site/passwd.txt
    expectEqual 'the status of a link to /etc/passwd' 403 "$(httpStatus /passwd.txt)"
    rm -f -- site/passwd.txt
}

helpersAreNoPages() {
    expectEqual 'the status of /task.php' 403 "$(httpStatus /task.php)"
    expectEqual 'the status of /stack.php' 404 "$(httpStatus /stack.php)"
}

blanksInTheDocumentRoot() {
    mkdir -p 'site/a public folder'
    # shellcheck disable=SC2016 # it is the shell in the container that expands
    inside apache2 bash -euc 'SITE_PUBLIC="a public folder"; source /usr/local/bin/environment.sh
        apache2 $apacheOptions -t 2>&1'
    rmdir 'site/a public folder'
}

# Forty visitors from its first moment on, who all keep their connections.
noConnectionIsDroppedAtTheStart() {
    local network clients path
    needAcmeImage
    # shellcheck disable=SC2016 # Docker's
    network=$(inspect apache2 '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' | cut --delimiter=' ' --fields=1)
    for path in / /stack.php; do
        docker stop "$(container apache2)" >/dev/null
        docker run --rm --network "$network" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
            --volume "$repo/tests/e2e/lib/clients.py:/clients.py:ro" "$acmeImage" /acme/bin/python /clients.py apache2 80 "$path" 40 5 \
            >"$results/clients" &
        clients=$!
        docker start "$(container apache2)" >/dev/null
        wait "$clients"
        cat -- "$results/clients"
        expectEqual "what was dropped of $path" '{}' "$(jq --compact-output .dropped "$results/clients")"
        figure "requests of $path in the first 5 s, 40 clients" "$(jq --compact-output .answers "$results/clients")"
    done
    waitUntilHealthy apache2
}

testCase 'the page over HTTP shows a row just written and the counter grown' pageOverHttp
testCase 'the page over HTTPS, with the certificate that Apache made itself' pageOverHttps
testCase 'the page over HTTP/2' pageOverHttp2
testCase 'hidden files do not exist for the world' hiddenFilesDoNotExist
testCase 'PHP runs nothing but scripts of the document root, and shows no source' onlyScriptsOfTheRootAreRun
testCase 'a link that the application makes does not lead out' linksOfTheApplicationStayInside
testCase "the site's helpers are no pages" helpersAreNoPages
testCase 'a document root with blanks in its name is understood' blanksInTheDocumentRoot
testCase 'forty visitors who keep their connections lose none while Apache starts' noConnectionIsDroppedAtTheStart
