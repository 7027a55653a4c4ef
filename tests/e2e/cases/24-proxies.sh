# shellcheck shell=bash
# Behind a proxy: who is believed when he says who visits, and the one name of the site. The proxy is the stranger of
# 21-limits.sh.

readonly proxyNetwork=203.0.113.0/24

# What PHP is told of a visit, as JSON; and an error page and a front controller that tell it, too.
makeMirror() {
    mkdir -p site/mirror
    cat >site/mirror.php <<'PHP'
<?php
session_start();
$told = [];
foreach (['REMOTE_ADDR', 'HTTPS', 'REQUEST_SCHEME', 'SERVER_PORT'] as $name) $told[$name] = $_SERVER[$name] ?? null;
$told['headers'] = array_values(preg_grep('/FORWARD|REAL_IP|CLIENT|CONNECTING|SCHEME$|FRONT_END|LAMPLIGHTER_VISITOR/', preg_grep('/^HTTP_/', array_keys($_SERVER))));
header('Content-Type: application/json');
echo json_encode($told);
PHP
    printf 'RewriteEngine On\nRewriteRule ^made$ /mirror.php [L]\nErrorDocument 404 /mirror.php\n' >site/mirror/.htaccess
}

# As the proxy asks.
proxied() { # CURL'S OPTION... PATH
    docker exec "$stranger" curl --silent --max-time 10 --header "Host: ${asked:-localhost}" "${@:1:$#-1}" "http://localhost.test${*: -1}"
}

startProxy() { # NAME=VALUE...
    makeMirror
    startStranger
    restartApacheWith TRUSTED_PROXIES="$proxyNetwork" "$@"
    meetStranger
}

endProxy() {
    rm -rf -- site/mirror site/mirror.php
    endStranger
}

readonly -a forged=(--header 'X-Forwarded-Proto: https' --header 'X-Forwarded-Host: evil.example' --header 'Forwarded: for=8.8.8.8'
    --header 'X-Real-IP: 8.8.8.8' --header 'Client-IP: 8.8.8.8' --header 'CF-Connecting-IP: 8.8.8.8'
    --header 'X-Lamplighter-Visitor: 8.8.8.8' --header 'Front-End-Https: on')

trustedProxyIsBelieved() {
    local path
    trap endProxy EXIT
    startProxy
    # In the page, behind a front controller and on an error page alike; what the visitor had written before is no address.
    for path in /mirror.php /mirror/made /mirror/none; do
        expectEqual "what PHP is told at $path" '{"REMOTE_ADDR":"198.51.100.7","HTTPS":"on","REQUEST_SCHEME":"https","SERVER_PORT":"443","headers":["HTTP_X_FORWARDED_PROTO"]}' \
            "$(proxied --header 'X-Forwarded-For: 8.8.8.8, 198.51.100.7' --header 'X-Forwarded-Proto: https' --header 'X-Real-IP: 8.8.8.8' "$path")"
    done
    expectEqual 'what PHP is told of a chain of proxies' '"2001:db8::5"' \
        "$(proxied --header 'X-Forwarded-For: 2001:db8::5, 203.0.113.200' /mirror.php | jq .REMOTE_ADDR)"
    expectEqual 'what PHP is told of plain HTTP' 'null' "$(proxied --header 'X-Forwarded-For: 198.51.100.7' --header 'X-Forwarded-Proto: http' /mirror.php | jq .HTTPS)"
    expectMatch 'the log' '(^|
)198\.51\.100\.7 - - [^
]*"GET /mirror.php HTTP' "$(inside apache2 tail --lines=20 /var/log/apache2/access.log)"
}

othersAreNotBelieved() {
    local told path
    trap endProxy EXIT
    # Nobody is: neither who would be, if he were named.
    makeMirror
    startStranger
    for path in /mirror.php /mirror/made /mirror/none; do
        told=$(proxied --header 'X-Forwarded-For: 8.8.8.8' "${forged[@]}" "$path")
        expectEqual "what PHP is told at $path" '203.0.113. null http 80 []' "$(jq --raw-output '"\(.REMOTE_ADDR | .[:10]) \(.HTTPS) \(.REQUEST_SCHEME) \(.SERVER_PORT) \(.headers)"' <<<"$told")"
    done
    # Another one is.
    restartApacheWith TRUSTED_PROXIES='203.0.113.128/25' SITE_HTTPS=on
    meetStranger
    for path in /mirror.php /mirror/made /mirror/none; do
        told=$(web --header 'X-Forwarded-For: 8.8.8.8' "${forged[@]}" "$path")
        expectNoMatch "what PHP is told at $path" '8\.8\.8\.8' "$told"
        expectEqual "what PHP is told at $path of HTTPS" 'null []' "$(jq --raw-output '"\(.HTTPS) \(.headers)"' <<<"$told")"
    done
}

# Without the limit's own count of proxies, all visitors of one would be one.
visitsAreTheVisitors() {
    local said
    trap endProxy EXIT
    startProxy VISITS_PER_ADDRESS=10
    said=$(docker exec "$stranger" sh -c 'for i in $(seq 30); do
        curl -s -o /dev/null -w "%{http_code}\n" -H "Host: localhost" -H "X-Forwarded-For: 198.51.100.$i" http://localhost.test/; done | sort | uniq -c')
    expectMatch 'what 30 visitors are answered' '^ *30 200$' "$said"
    said=$(docker exec "$stranger" sh -c 'for i in $(seq 30); do
        curl -s -o /dev/null -w "%{http_code}\n" -H "Host: localhost" -H "X-Forwarded-For: 198.51.100.200" http://localhost.test/; done | sort | uniq -c')
    expectMatch 'what 30 visits of one are answered' ' 429' "$said"
    expectEqual 'what another one is answered then' 200 "$(proxied --output /dev/null --write-out '%{http_code}' --header 'X-Forwarded-For: 198.51.100.201' /)"
    # Refused is the visitor, too.
    restartApacheWith TRUSTED_PROXIES="$proxyNetwork" REFUSED_NETWORKS=198.51.100.0/25
    meetStranger
    expectOutcome succeeded apache2 update-networks
    waitUntil 20 'the network is refused' visitorGets 403 198.51.100.7
    visitorGets 200 198.51.100.200
}

visitorGets() { # STATUS ADDRESS
    local status
    status=$(proxied --output /dev/null --write-out '%{http_code}' --header "X-Forwarded-For: $2" /)
    echo "HTTP status $status"
    [[ $status == "$1" ]]
}

# Connections of a proxy are many visitors'.
connectionsOfAProxyAreNotLimited() {
    trap endProxy EXIT
    startProxy
    docker exec --detach "$stranger" bash -c 'for i in {1..120}; do
        (exec 3<>/dev/tcp/localhost.test/80; printf "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " >&3; sleep 6; exec 3>&-) & done; wait'
    waitUntil 10 'the proxy has 120 connections' proxyHasConnections
    siteIsUp
    expectNoMatch 'the log' 'QS_SrvMaxConnPerIP' "$(inside apache2 tail --lines=5 /var/log/apache2/error.log)"
}

# shellcheck disable=SC2016 # awk's
proxyHasConnections() {
    local number
    number=$(inside apache2 ss --no-header --tcp --numeric state established 'sport = :80' | wc --lines)
    echo "$number connections"
    ((number >= 120))
}

httpsOfTheProxy() {
    local answer
    trap endProxy EXIT
    startProxy SITE_HTTPS=on
    answer=$(proxied --include --header 'X-Forwarded-For: 198.51.100.7' --header 'X-Forwarded-Proto: http' '/a?b=c' | tr --delete '\r')
    expectMatch 'where to' $'\nLocation: https://localhost/a\\?b=c\n' "$answer"
    answer=$(proxied --include --header 'X-Forwarded-For: 198.51.100.7' --header 'X-Forwarded-Proto: https' /mirror.php | tr --delete '\r')
    expectMatch 'the page' '^HTTP/1.1 200' "$answer"
    expectMatch 'its cookie' 'Set-Cookie: PHPSESSID=[^
]*; Secure' "$answer"
    # Who says nothing of it is not sent in a circle.
    expectMatch 'the page for a proxy that says nothing' '^HTTP/1.1 200' "$(proxied --include --header 'X-Forwarded-For: 198.51.100.7' /mirror.php)"
}

aliasesLeadToTheName() {
    trap endProxy EXIT
    startProxy SITE_NAME=forum.test SITE_ALIASES='www.forum.test *.old.test' SITE_CANONICAL=1
    expectMatch 'an alias' $'HTTP/1.1 301.*\nLocation: http://forum.test:8080/a%20b\\?c=d%20e\r' "$(web --include --header 'Host: www.forum.test:8080' '/a%20b?c=d%20e')"
    expectMatch 'an alias of a pattern' $'\nLocation: http://forum.test/\r' "$(web --include --header 'Host: x.old.test' /)"
    expectMatch 'an alias over HTTPS' $'\n[Ll]ocation: https://forum.test:'"$HTTPS_PORT"$'/x\r' \
        "$(curl --silent --insecure --include --resolve "www.forum.test:$HTTPS_PORT:127.0.0.1" "https://www.forum.test:$HTTPS_PORT/x")"
    expectMatch 'an alias over HTTPS of a proxy' $'\nLocation: https://forum.test/x\r' "$(asked=www.forum.test proxied --include --header 'X-Forwarded-Proto: https' /x)"
    expectEqual 'the name' 200 "$(httpStatus / --header 'Host: forum.test')"
    expectEqual 'the name in capitals' 200 "$(httpStatus / --header 'Host: FORUM.test:80')"
    expectMatch 'another name' '421' "$(httpStatus / --header 'Host: evil.test')"
}

testCase 'a trusted proxy says who visits, and whether over HTTPS' trustedProxyIsBelieved
slowCase 'nobody else is believed, and PHP is not told what he says' othersAreNotBelieved
slowCase 'limits and lists are for the visitor, not for the proxy' visitsAreTheVisitors
slowCase 'a proxy may have as many connections as it needs' connectionsOfAProxyAreNotLimited
slowCase 'visitors of a proxy are sent to its HTTPS with SITE_HTTPS=on, and in no circle' httpsOfTheProxy
slowCase 'with SITE_CANONICAL every alias leads to SITE_NAME' aliasesLeadToTheName
