# shellcheck shell=bash
# The way of the site to itself: who has php can visit the site over it, and nothing else.

# What every port of its own loopback says to who asks for health and for the server's status; and the sockets.
askLoopback() {
    local socket port
    for socket in /run/loopback/*.sock; do
        if curl --silent --max-time 5 --output /dev/null --unix-socket "$socket" http://localhost/; then printf '%s reaches Apache\n' "$socket"; fi
        curl --silent --max-time 5 --unix-socket "$socket" http://127.0.0.1:8081/health
        curl --silent --max-time 5 --unix-socket "$socket" --header 'X-Forwarded-For: 8.8.8.8' http://localhost/loopback-told.php
        # Nobody but Apache is behind it, whatever is asked.
        curl --silent --max-time 5 --unix-socket "$socket" --proxytunnel --proxy http://localhost http://127.0.0.1:8081/health
        printf 'CONNECT 127.0.0.1:8081 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.0\r\n\r\n' | timeout 5 nc -U "$socket"
    done
    for port in 8081 9000 3306 6379; do
        if timeout 3 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; then printf 'port %s is open\n' "$port"; fi
    done
}

# shellcheck disable=SC2016 # PHP's variable
loopbackIsTheSiteAlone() { # USERS
    local said health
    trap 'rm -f -- site/loopback-told.php' EXIT
    echo '<?php echo "told ", $_SERVER["REMOTE_ADDR"], PHP_EOL;' >site/loopback-told.php
    health=$(inside apache2 curl --silent http://127.0.0.1:8081/health)
    expectMatch 'what health says' '.' "$health"
    said=$(attackAs php "$1" askLoopback)
    expectMatch 'what is reached' 'http.sock reaches Apache' "$said"
    expectNoMatch 'what is reached besides' "(^|
)$health($|
)|is open|200 Connection|told (127\.|8\.)" "$said"
}

# shellcheck disable=SC2317,SC2329 # in the container
takeLoopback() {
    local file
    for file in /run/loopback /run/loopback/http.sock /run/loopback/https.sock /run/loopback/authorities.pem; do
        mv "$file" "$file.away" 2>/dev/null && echo "$file is away"
        chmod 0777 "$file" 2>/dev/null && echo "$file is open"
        [[ -f $file ]] && (: >>"$file") 2>/dev/null && echo "$file can be written"
    done
    (: >/run/loopback/marker-of-the-attack) 2>/dev/null && echo 'a file is made'
    true
}

loopbackCannotBeTaken() { # USERS
    expectNothing "what $1 did" "$(attackAs php "$1" takeLoopback)"
}

testCase 'attack: the application gets over the way of the site to itself nothing but the site' loopbackIsTheSiteAlone "$application"
testCase 'attack: root of php gets over the way of the site to itself nothing but the site' loopbackIsTheSiteAlone anybody
testCase "attack: root of php cannot take the site's way to itself, nor the authorities that PHP trusts" loopbackCannotBeTaken anybody
