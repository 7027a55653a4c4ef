# shellcheck shell=bash
# What a visitor may cost: slow bodies and headers, large bodies, many connections, and networks that are refused.

# A script of the site's that says how much has come.
makeReceiver() {
    cat >site/receive.php <<'PHP'
<?php
$body = strlen(file_get_contents('php://input'));
echo $body, ' ', $_FILES['file']['size'] ?? '-', ' ', $_FILES['file']['error'] ?? '-', "\n";
PHP
}

# So many bytes as a body, in portions with a pause after each; what the site says.
trickle() { # BYTES PORTION PAUSE [HEADERS-ONLY]
    local sent=0 connection
    exec {connection}<>"/dev/tcp/127.0.0.1/$HTTP_PORT"
    printf 'POST /receive.php HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' >&"$connection"
    printf 'Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n' "$1" >&"$connection"
    while ((sent < $1)); do
        head --bytes="$2" /dev/zero >&"$connection" || break
        sent=$((sent + $2))
        sleep "$3"
    done
    tr --delete '\r' <&"$connection" | sed '1,/^$/d'
}

# Twelve workers has PHP; without the buffer in front of it, none of them would be left for the page in the 16 s that the
# bodies take.
slowBodiesDoNotHoldPhp() {
    local began taken i
    makeReceiver
    for i in {1..14}; do trickle 200000 5000 0.4 >"$results/trickled-$i" & done
    sleep 1
    began=$EPOCHREALTIME
    siteIsUp
    taken=$(secondsSince "$began")
    expectBelow 'the page beside 14 slow bodies' 10 "$taken"
    wait
    for i in {1..14}; do expectMatch "what PHP got of body $i" '200000 - -' "$(<"$results/trickled-$i")"; done
    figure 'the page beside 14 slow bodies' "$taken s"
}

# 200 kB/s, and ten pauses of ten seconds.
phoneUploadPasses() {
    local began=$EPOCHREALTIME said
    makeReceiver
    said=$(for portion in {1..150}; do
        head --bytes=200000 /dev/zero
        if ((portion % 15)); then sleep 1; else sleep 10; fi
    done | curl --silent --show-error --no-buffer --header 'Expect:' --header 'Content-Type: application/octet-stream' \
        --header 'Content-Length: 30000000' --header 'Transfer-Encoding:' --request POST --upload-file - "http://localhost:$HTTP_PORT/receive.php")
    expectMatch 'what PHP got' '^30000000 ' "$said"
    figure '30 MB at 200 kB/s with ten pauses of 10 s' "$(secondsSince "$began") s"
}

# Neither a body of a byte a second is waited for, nor headers.
trickleIsEnded() {
    local began=$EPOCHREALTIME taken
    makeReceiver
    trickle 100 1 1 >"$results/trickled" 2>&1 || true
    taken=$(secondsSince "$began")
    expectBelow 'a body of one byte a second' 45 "$taken"
    expectNoMatch 'what PHP got' '^100 ' "$(<"$results/trickled")"
    figure 'a body of one byte a second is ended after' "$taken s"
    began=$EPOCHREALTIME
    slowHeaders >"$results/trickled" 2>&1 || true
    taken=$(secondsSince "$began")
    expectBelow 'headers of one byte a second' 35 "$taken"
    figure 'headers of one byte a second are ended after' "$taken s"
}

slowHeaders() {
    local connection status=142
    exec {connection}<>"/dev/tcp/127.0.0.1/$HTTP_PORT"
    printf 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ' >&"$connection"
    # Until something comes: the answer that it took too long, or the end.
    while ((status > 128)); do
        printf 'x' >&"$connection"
        status=0
        IFS= read -r -n 1 -t 1 -u "$connection" || status=$?
    done
}

# UPLOAD_MAX is that of a file; the form around it takes a little more.
largeBodiesAreRefused() {
    makeReceiver
    trap 'rm -f -- "$results/file"' EXIT
    truncate --size=64M "$results/file"
    expectEqual 'a file of 64 MiB' '0 67108864 0' "$(web --form "file=@$results/file" /receive.php)"
    truncate --size=66M "$results/file"
    expectEqual 'a file of 66 MiB' 413 "$(httpStatus /receive.php --form "file=@$results/file")"
    expectMatch 'the same in chunks' '^4' "$(httpStatus /receive.php --header 'Transfer-Encoding: chunked' --header 'Expect:' --data-binary "@$results/file")"
    expectEqual 'a body in chunks' '5 - -' "$(web --header 'Transfer-Encoding: chunked' --header 'Content-Type: text/plain' --data-binary 12345 /receive.php)"
}

# A network whose addresses are public to look at, and one who asks from there.
startStranger() {
    docker network create --internal --subnet 203.0.113.0/24 --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$stranger" >/dev/null
    meetStranger
    docker run --detach --name "$stranger" --network "$stranger" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --entrypoint sleep "$image" infinity >/dev/null
}

# Also a container of Apache's that has been made anew.
meetStranger() {
    docker network connect --alias localhost.test "$stranger" "$(container apache2)"
}

endStranger() {
    docker rm --force "$stranger" &>/dev/null || true
    docker network disconnect --force "$stranger" "$(container apache2)" &>/dev/null || true
    docker network rm "$stranger" &>/dev/null || true
    unset VISITS_PER_ADDRESS CONNECTIONS_PER_ADDRESS REFUSED_NETWORKS CRAWLER_NETWORKS
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
}

strange() { # CURL'S OPTION... PATH
    docker exec "$stranger" curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' --header 'Host: localhost' \
        "${@:1:$#-1}" "http://localhost.test${*: -1}"
}

restartApacheWith() { # NAME=VALUE...
    local -x "$@"
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
}

visitsOfAnAddressAreLimited() {
    local said
    trap endStranger EXIT
    export VISITS_PER_ADDRESS=20
    "${compose[@]}" up --detach --no-build --no-deps apache2
    waitUntilHealthy apache2
    startStranger
    said=$(docker exec "$stranger" sh -c 'for i in $(seq 15); do
        curl -s -o /dev/null -w "%{http_code}\n" -H "Host: localhost" http://localhost.test/
        curl -s -o /dev/null -w "%{http_code}\n" -H "Host: localhost" http://localhost.test/none.png; done | sort | uniq -c')
    expectMatch 'what 15 visits with pictures are answered' '^ *15 200 *15 404$' "$(tr '\n' ' ' <<<"$said" | sed 's/ *$//')"
    said=$(docker exec "$stranger" sh -c 'for i in $(seq 15); do curl -s -o /dev/null -w "%{http_code}\n" -H "Host: localhost" http://localhost.test/; done | sort | uniq -c')
    expectMatch 'what the next 15 visits are answered' ' 429' "$said"
    siteIsUp
    # The second that goes on is counted the next time.
    waitUntil 20 'they are counted' refusalsAreCounted
}

refusalsAreCounted() {
    expectOutcome succeeded apache2 count-refused
    grep --extended-regexp '[1-9][0-9]* too many of one address; most of them to 203\.0\.113\.' "$results/output"
}

connectionsOfAnAddressAreLimited() {
    local said
    trap endStranger EXIT
    startStranger
    # Slow ones, that all hold a thread each.
    docker exec --detach "$stranger" bash -c 'for i in {1..149}; do
        (exec 3<>/dev/tcp/localhost.test/80; printf "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " >&3; sleep 8; exec 3>&-) & done; wait'
    waitUntil 20 'many connections are refused' inside apache2 grep QS_SrvMaxConnPerIP /var/log/apache2/error.log
    siteIsUp
}

refusedNetworksAreRefused() {
    trap endStranger EXIT
    startStranger
    expectEqual 'before' 200 "$(strange /)"
    mkdir -p site/networks
    printf '# documentation\n203.0.113.0/24 ; one\n2001:db8::/32\n' >site/networks/list.txt
    restartApacheWith REFUSED_NETWORKS='198.51.100.0/24 http://localhost:80/networks/list.txt'
    meetStranger
    expectOutcome succeeded apache2 update-networks
    waitUntil 20 'the network is refused' strangerGets 403
    waitUntil 20 'they are counted' refusedNetworkIsCounted
    siteIsUp
    # What a folder or a file of the site refuses stays refused.
    expectEqual 'a helper of the site' 403 "$(httpStatus /task.php)"

    for bad in '10.1.0.0/16' '0.0.0.0/0' '<html>' '203.0.113.0/24 "x' '2001::/8' 'fd00::/16'; do
        printf '203.0.113.0/24\n%s\n' "$bad" >site/networks/list.txt
        expectOutcome failed apache2 update-networks
        expectMatch 'what it says' 'REFUSED_NETWORKS: line 2 of http://localhost' "$(<"$results/output")"
    done
    strangerGets 403
    siteIsUp
}

# A count has what the one before has not: the fact is that of the last one.
refusedNetworkIsCounted() {
    strange /
    expectOutcome succeeded apache2 count-refused
    inside scheduler lamplighter status apache2 | tee "$results/status" |
        grep --extended-regexp '^refused +[1-9][0-9]* in [0-9]+ min: [1-9][0-9]* of refused networks, .*, as found '
}

strangerGets() { # STATUS
    local status
    status=$(strange /)
    echo "HTTP status $status"
    [[ $status == "$1" ]]
}

# Who says so may be anybody; a real one has its own networks.
falseCrawlersAreRefused() {
    local -r crawler='Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
    trap endStranger EXIT
    startStranger
    mkdir -p site/networks
    echo '{"creationTime": "2026", "prefixes": [{"ipv6Prefix": "2001:db8::/32"}, {"ipv4Prefix": "203.0.113.0/24"}]}' >site/networks/list.json
    restartApacheWith VISITS_PER_ADDRESS=5 CRAWLER_NETWORKS='http://localhost:80/networks/list.json'
    meetStranger
    expectOutcome succeeded apache2 update-networks
    waitUntil 20 'a false one is refused' falseCrawlerIsRefused
    for _ in {1..10}; do expectEqual 'a real one' 200 "$(strange --user-agent "$crawler" /)"; done
    siteIsUp
}

falseCrawlerIsRefused() {
    [[ $(httpStatus / --user-agent 'googlebot') == 403 ]]
}

readonly stranger=$COMPOSE_PROJECT_NAME-stranger

slowCase 'slow bodies hold no worker of PHP, and arrive whole' slowBodiesDoNotHoldPhp
testCase 'a body larger than UPLOAD_MAX is refused, one in chunks is understood' largeBodiesAreRefused
testCase 'who makes too many visits a minute is told so, and counted' visitsOfAnAddressAreLimited
testCase 'one address cannot take all connections' connectionsOfAnAddressAreLimited
slowCase 'networks are refused by lists, and no bad list is taken up' refusedNetworksAreRefused
slowCase 'who only says that he is a crawler is refused' falseCrawlersAreRefused
rareCase "a phone's upload of 30 MB passes, with pauses" phoneUploadPasses
rareCase 'a trickle of a byte a second is ended' trickleIsEnded
