# shellcheck shell=bash
# The site reaches itself, by its own names and at its own ports, though PHP has no network.

endLoopback() {
    rm -f -- site/ask.php site/told.php
    unset SITE_NAME SITE_ALIASES SITE_HOSTS SITE_NETWORK
    "${compose[@]}" up --detach --no-build --no-deps php apache2
    waitUntilHealthy php apache2
}

# shellcheck disable=SC2016 # PHP's variables
# A page that asks another one, as WordPress does.
makeAskingPage() {
    cat >site/ask.php <<'PHP'
<?php
$request = curl_init($_GET['url']);
curl_setopt_array($request, [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10]);
$answer = curl_exec($request);
echo $answer === false ? curl_error($request) : curl_getinfo($request, CURLINFO_RESPONSE_CODE) . " $answer";
PHP
    echo '<?php echo $_SERVER["HTTP_HOST"], " ", $_SERVER["HTTPS"] ?? "off", " ", $_SERVER["REMOTE_ADDR"];' >site/told.php
}

asks() { # HOST URL
    web --header "Host: $1" --get --data-urlencode "url=$2" /ask.php
}

siteAnswers() { # HOST
    local status
    status=$(httpStatus /told.php --header "Host: $1")
    echo "HTTP status $status"
    [[ $status == 200 ]]
}

siteReachesItself() { # NETWORK
    local name own
    trap endLoopback EXIT
    makeAskingPage
    export SITE_NAME=forum.test SITE_ALIASES='www.forum.test' SITE_HOSTS='forum.test www.forum.test' SITE_NETWORK=$1
    "${compose[@]}" up --detach --no-build --no-deps php apache2
    waitUntilHealthy php apache2
    waitUntil 30 'the site answers to its name' siteAnswers forum.test
    own=$(inside apache2 ip -4 -oneline address show scope global | awk '{ sub(/\/.*/, "", $4); print $4; exit }')
    for name in forum.test www.forum.test; do
        expectEqual "$name at its port" "200 $name:$HTTP_PORT off $own" "$(asks forum.test "http://$name:$HTTP_PORT/told.php")"
        expectEqual "$name at port 80" "200 $name off $own" "$(asks forum.test "http://$name/told.php")"
        # The certificate that nobody vouches for is known to PHP.
        expectEqual "$name at its HTTPS port" "200 $name:$HTTPS_PORT on $own" "$(asks forum.test "https://$name:$HTTPS_PORT/told.php")"
        expectEqual "$name at port 443" "200 $name on $own" "$(asks forum.test "https://$name/told.php")"
    done
    expectMatch 'a name that is not the site'"'"'s' '421' "$(asks forum.test "http://127.0.0.1/told.php")"
}

# What passes visits on comes back; where it does not, health says so.
# shellcheck disable=SC2016 # the containers' shell
loopbackComesBack() {
    local service since
    trap endLoopback EXIT
    makeAskingPage
    for service in php apache2; do
        inside "$service" pkill --exact socat
        waitUntil 20 "the site reaches itself again after $service lost its way" pageAsksItself
    done
    since=$(inspect php '{{.State.StartedAt}}')
    inside php sh -c 'pkill --full "[f]orward TCP4"; pkill --exact socat || true'
    waitUntil 20 'php says that it is gone' isDegraded php 'the site does not reach itself at port'
    siteIsUp
    expectEqual 'the start of php' "$since" "$(inspect php '{{.State.StartedAt}}')"
    "${compose[@]}" restart php
    waitUntilHealthy php
    waitUntil 20 'the site reaches itself again' pageAsksItself
    expectNoMatch 'the health of php' 'reach itself' "$(inside php lamplighter health)"
}

pageAsksItself() {
    local said
    said=$(asks localhost "http://localhost:$HTTP_PORT/told.php")
    echo "$said"
    [[ $said == "200 localhost:$HTTP_PORT off "* ]]
}

isDegraded() { # SERVICE PATTERN
    local said
    said=$(inside "$1" lamplighter health)
    echo "$said"
    [[ $said =~ $2 ]]
}

testCase 'the site reaches itself by its names, over HTTP and HTTPS, without a network' siteReachesItself none
slowCase 'the site reaches itself with a network of its own, too' siteReachesItself bridge
testCase 'the way of the site to itself comes back, or health says that it is gone' loopbackComesBack
