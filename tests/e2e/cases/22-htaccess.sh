# shellcheck shell=bash disable=SC2016 # it is PHP that expands
# What the site's .htaccess can do, and what it cannot; what is left lying about; files of the application.

# In a folder of its own, with a page and a text.
htaccess() { # < LINES
    mkdir -p site/own
    echo 'a text' >site/own/text.txt
    echo '<?php echo "PHP says ", 6 * 7;' >site/own/page.php
    cat >site/own/.htaccess
}

# What real applications have in theirs.
applicationsGetWhatTheyNeed() {
    local answer
    htaccess <<'TEXT'
Options +FollowSymLinks -MultiViews -Indexes
IndexIgnore *
DirectoryIndex page.php
AddHandler application/x-httpd-php81 .php
SetHandler none
ErrorDocument 404 "nothing of the kind"
ExpiresActive On
ExpiresDefault "access plus 1 hour"
Header set X-Of-The-Site yes
AddType text/x-own .txt
<IfModule mod_php.c>
php_value memory_limit 1G
</IfModule>
<FilesMatch "\.md$">
    Require all denied
</FilesMatch>
<Files secret.txt>
    Order allow,deny
    Deny from all
</Files>
RewriteEngine On
RewriteBase /own/
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule ^topic/(\d+)$ page.php?topic=$1 [L,QSA]
TEXT
    echo 'secret' | tee site/own/secret.txt site/own/x.md >/dev/null
    expectEqual 'a rewritten address' 'PHP says 42' "$(web /own/topic/7)"
    expectEqual 'the index' 'PHP says 42' "$(web /own/)"
    expectEqual 'the page for errors' 'nothing of the kind' "$(web /own/gone)"
    expectEqual 'what Require refuses' 403 "$(httpStatus /own/x.md)"
    expectEqual 'what Deny refuses' 403 "$(httpStatus /own/secret.txt)"
    answer=$(web --include /own/text.txt)
    expectMatch 'a header of the site' 'X-Of-The-Site: yes' "$answer"
    expectMatch 'a type of the site' 'Content-Type: text/x-own' "$answer"
    expectMatch 'when it expires' 'Expires: ' "$answer"
    # What is passed over is no line at every request.
    expectEqual 'lines in the log about .htaccess' 0 "$(inside apache2 grep --count AH02295 /var/log/apache2/error.log || true)"
}

passwordsOfTheSiteWork() {
    local kind
    for kind in Basic Digest; do
        htaccess <<TEXT
AuthType $kind
AuthName "for friends"
AuthUserFile /var/www/site/own/.users
AuthGroupFile /var/www/site/own/.groups
Require group friends
TEXT
        echo 'friends: ann' >site/own/.groups
        if [[ $kind == Basic ]]; then
            echo "ann:$(openssl passwd -apr1 lamp)" >site/own/.users
        else
            echo "ann:for friends:$(printf 'ann:for friends:lamp' | md5sum | cut --characters=1-32)" >site/own/.users
        fi
        expectEqual "$kind, without a password" 401 "$(httpStatus /own/text.txt)"
        expectEqual "$kind, with the password" 200 "$(httpStatus /own/text.txt --anyauth --user ann:lamp)"
        expectEqual "$kind, with another one" 401 "$(httpStatus /own/text.txt --anyauth --user ann:light)"
    done
}

linksStayInside() {
    local words
    if [[ $EUID -ne 0 ]]; then skip 'only root can make a link of another user'; fi
    htaccess </dev/null
    ln -sfn /etc/passwd site/own/passwd.txt
    ln -sfn / site/own/root
    chown --no-dereference 10001:10001 site/own/passwd.txt site/own/root
    for words in 'Options +FollowSymLinks' 'Options FollowSymLinks' 'Options All' 'Options -SymLinksIfOwnerMatch +FollowSymLinks' \
        '<Files *>'$'\n''Options +FollowSymLinks'$'\n''</Files>' '<If "true">'$'\n''Options +FollowSymLinks'$'\n''</If>'; do
        htaccess <<<"$words"
        expectEqual "a link to a file, with $words" 403 "$(httpStatus /own/passwd.txt)"
        expectEqual "a link to a folder, with $words" 403 "$(httpStatus /own/root/etc/passwd)"
        expectEqual "a file of the site, with $words" 200 "$(httpStatus /own/text.txt)"
    done
}

# By each way that a handler can be set. The answers are all of the site: the text, or a refusal.
handlersAreOutOfReach() {
    local handler words answer
    for handler in server-status server-info md-status qos-viewer qos-console cgi-script perl-script ldap-status balancer-manager; do
        for words in "SetHandler $handler" "AddHandler $handler .txt" "ForceType $handler" "AddType $handler .txt" \
            "RewriteEngine On"$'\n'"RewriteRule . - [H=$handler]" "RewriteEngine On"$'\n'"RewriteRule . - [T=$handler]" \
            "<If \"true\">"$'\n'"SetHandler $handler"$'\n'"</If>"; do
            htaccess <<<"$words"
            answer=$(web /own/text.txt)
            if [[ $answer != 'a text' ]]; then expectMatch "the answer with $words" '<title>(40[0-9]|429|500) ' "$answer"; fi
        done
    done
}

# Apache sees a network, PHP need not. One that listens on Apache's own network would be reached by what is refused here.
proxiesAreOutOfReach() {
    local address host target words
    address=$(inspect apache2 '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}} {{end}}')
    for host in ${address% } localhost apache2 2130706433 '[::1]' example.com; do
        for target in "fcgi://$host:80/" "http://$host:80/" "ajp://$host:80/" "proxy:fcgi://$host:80/"; do
            for words in "RewriteEngine On"$'\n'"RewriteRule . $target [P]" "RewriteEngine On"$'\n'"RewriteRule . - [H=proxy:$target]" \
                "SetHandler \"proxy:$target\"" "AddType \"proxy:$target\" .txt" "ProxyPass / $target"; do
                htaccess <<<"$words"
                expectNoMatch "the answer with $words" 'All lamps|200|504|503' "$(httpStatus /own/text.txt | sed 's/200/text/')$(web /own/text.txt)"
            done
        done
    done
    expectEqual 'connections that Apache tried' 0 "$(inside apache2 grep --count --extended-regexp 'AH0095[679]|AH01079' /var/log/apache2/error.log || true)"
}

# PHP-FPM would take them from the request.
settingsOfPhpDoNotComeWithRequests() {
    local words
    mkdir -p site/own
    echo '<?php echo ini_get("memory_limit"), " ", ini_get("auto_append_file"), " ", $_SERVER["DOCUMENT_ROOT"];' >site/own/settings.php
    : >site/own/.htaccess
    expectEqual 'the settings' '128M  /var/www/site' "$(web /own/settings.php)"
    for words in 'SetEnv PHP_VALUE "memory_limit=1G"' 'SetEnv PHP_ADMIN_VALUE "auto_append_file=/etc/passwd"' 'SetEnv DOCUMENT_ROOT /' \
        'RewriteEngine On'$'\n''RewriteRule . - [E=PHP_ADMIN_VALUE:memory_limit=1G,E=PHP_VALUE:memory_limit=2G,E=DOCUMENT_ROOT:/]' \
        'SetEnvIf Host . PHP_VALUE=memory_limit=1G' 'ProxyFCGISetEnvIf "true" PHP_VALUE "memory_limit=1G"'; do
        printf '%s\n' "$words" >site/own/.htaccess
        expectEqual "the settings, with $words" '128M  /var/www/site' "$(web /own/settings.php)"
    done
}

# WordPress' own, and one that sends all to HTTPS.
healthIsNotTheSites() {
    local words
    trap 'rm -f -- site/.htaccess' EXIT
    for words in 'RewriteRule . /index.php [L]' 'RewriteRule ^ https://elsewhere.example%{REQUEST_URI} [R=301,L]' 'RewriteRule ^ - [F]'; do
        printf 'RewriteEngine On\n%s\n' "$words" >site/.htaccess
        inside apache2 lamplighter health
        expectOutcome succeeded apache2 check-certificates
    done
    echo 'No such directive' >site/.htaccess
    expectEqual 'the site' 500 "$(httpStatus /)"
    inside apache2 lamplighter health
}

leftoversAreRefused() {
    local name
    htaccess </dev/null
    for name in dump.sql dump.SQL dump.sql.gz wp-config.php.bak index.html~ a.old a.orig a.rej a.save .a.swp a.swp debug.log php.ini my.cnf.bak \
        connect.inc deploy.sh composer.json composer.lock package-lock.json web.config server.key backup_2026-01-01.zip data.sqlite; do
        echo 'LEFT=1' >"site/own/$name"
        expectNoMatch "the answer to $name" 'LEFT' "$(web "/own/$name")"
        expectMatch "the status of $name" '^40[34]$' "$(httpStatus "/own/$name")"
    done
    for name in site.zip www.tar.gz forum.tgz; do
        echo 'LEFT=1' >"site/$name"
        expectEqual "the status of $name" 403 "$(httpStatus "/$name")"
        rm -f -- "site/$name"
    done
    for name in style.css script.js picture.svg data.json feed.xml readme.md robots.txt file.zip page.html font.woff2 script.js.map catalogue.pdf; do
        echo 'SERVED' >"site/own/$name"
        expectEqual "the answer to $name" 'SERVED' "$(web "/own/$name")"
    done
    printf '<Files "dump.sql">\n    Require all granted\n</Files>\n' >site/own/.htaccess
    expectEqual 'one that the site gives out' 'LEFT=1' "$(web /own/dump.sql)"
}

# Neither by the name, nor by a .htaccess or a .user.ini that a visitor has put there, nor by way of a link.
noPhpInUploads() {
    local name
    trap 'rm -rf -- site/files site/more site/link; unset UPLOAD_DIRS; "${compose[@]}" up --detach --no-build --no-deps php apache2; waitUntilHealthy php apache2' EXIT
    mkdir -p site/files/sub site/more
    for name in x.php x.phtml x.php5 x.pHp x.php.jpg sub/x.php; do echo '<?php echo 6 * 7000 + 7;' >"site/files/$name"; done
    echo 'a picture' | tee site/files/x.jpg >site/more/x.jpg
    cp -- site/files/x.php site/more/x.php
    expectEqual 'before' 42007 "$(web /files/x.php)"
    export UPLOAD_DIRS='files /more/'
    "${compose[@]}" up --detach --no-build --no-deps php apache2
    waitUntilHealthy php apache2
    ln -sfn files site/link
    printf 'Require all granted\nSetHandler "proxy:unix:/run/php/php-fpm.sock|fcgi://_"\nRewriteEngine On\nRewriteRule jpg$ - [H=proxy:unix:/run/php/php-fpm.sock|fcgi://_]\n' |
        tee site/files/.htaccess >site/files/sub/.htaccess
    for name in /files/x.php /files/x.phtml /files/x.php5 /files/x.pHp /files/x.php.jpg /files/sub/x.php //files//x.php /files/./x.php /%66iles/x.php \
        /files/x.php/y /link/x.php /more/x.php; do
        expectNoMatch "the answer to $name" 42007 "$(web --path-as-is "$name")"
        expectMatch "the status of $name" '^40[34]$' "$(httpStatus "$name" --path-as-is)"
    done
    # Not even where Apache could be talked into it.
    printf '<If "true">\n    Require all granted\n</If>\n' >site/.htaccess
    expectEqual 'what PHP says to it' '403 Forbidden' "$(web /files/x.php)"
    rm -f -- site/.htaccess
    expectEqual 'a picture' 'a picture' "$(web /files/x.jpg)"
    expectEqual 'a picture of the other folder' 'a picture' "$(web /more/x.jpg)"
}

# As Wordfence and others write it.
userIniPrepends() {
    trap 'rm -f -- site/.user.ini; "${compose[@]}" restart php; waitUntilHealthy php' EXIT
    mkdir -p site/own/sub
    : >site/own/.htaccess
    echo '<?php $first = "first"; echo "first ";' >site/own/first.php
    echo '<?php echo $first ?? "", " and last";' | tee site/own/last.php >site/own/sub/last.php
    echo 'auto_prepend_file = /var/www/site/own/first.php' >site/.user.ini
    echo 'auto_prepend_file = none' >site/own/sub/.user.ini
    "${compose[@]}" restart php
    waitUntilHealthy php
    expectEqual 'the page' 'first first and last' "$(web /own/last.php)"
    expectEqual 'one that wants none' ' and last' "$(web /own/sub/last.php)"
    rm -f -- site/.user.ini site/own/sub/.user.ini
    "${compose[@]}" restart php
    waitUntilHealthy php
    expectEqual 'the page without it' ' and last' "$(web /own/last.php)"
}

# Of the application's user and group, and closed to others.
filesOfTheApplicationAreServed() {
    if [[ $EUID -ne 0 ]]; then skip 'only root can give files to another user'; fi
    trap 'rm -rf -- site/private' EXIT
    mkdir -p site/private
    echo 'for the group' >site/private/file.txt
    chown -R 10001:10001 site/private
    chmod 0750 site/private
    chmod 0640 site/private/file.txt
    expectEqual 'what it says' 'for the group' "$(web /private/file.txt)"
    chmod 0600 site/private/file.txt
    expectEqual 'what its owner keeps' 403 "$(httpStatus /private/file.txt)"
}

functionsAndFilesCanBeDenied() {
    trap 'unset PHP_DISABLE_FUNCTIONS PHP_OPEN_BASEDIR; "${compose[@]}" up --detach --no-build --no-deps php; waitUntilHealthy php' EXIT
    mkdir -p site/own
    : >site/own/.htaccess
    echo '<?php echo function_exists("exec") ? "exec" : "none", " ", @file_get_contents("/etc/hostname") === false ? "closed" : "open";' >site/own/denied.php
    expectEqual 'before' 'exec open' "$(web /own/denied.php)"
    export PHP_DISABLE_FUNCTIONS=exec,system PHP_OPEN_BASEDIR=/var/www/site
    "${compose[@]}" up --detach --no-build --no-deps php
    waitUntilHealthy php
    expectEqual 'what is denied' 'none closed' "$(web /own/denied.php)"
    # The site goes on: its sockets, its password, its sessions.
    expectMatch 'the page' 'All lamps are lit' "$(web /)"
}

testCase "the site's .htaccess has what real applications need" applicationsGetWhatTheyNeed
testCase 'passwords by .htaccess: basic and digest, users and groups' passwordsOfTheSiteWork
testCase 'no .htaccess takes a link out of the site' linksStayInside
testCase 'no .htaccess reaches a handler that tells of the server' handlersAreOutOfReach
testCase 'no .htaccess makes Apache a way into its network' proxiesAreOutOfReach
testCase 'no .htaccess sets what PHP is set to' settingsOfPhpDoNotComeWithRequests
testCase 'health and certificates do not depend on the .htaccess of the site' healthIsNotTheSites
testCase 'what is left lying about in the document root is refused' leftoversAreRefused
slowCase 'no PHP runs in UPLOAD_DIRS' noPhpInUploads
testCase 'a .user.ini prepends a file' userIniPrepends
testCase 'files that only the application and its group may read are served' filesOfTheApplicationAreServed
testCase 'functions and files can be denied to PHP' functionsAndFilesCanBeDenied
