# shellcheck shell=bash
# The site's own visits: PHP, which has no network, comes over two sockets in a folder that it can connect in and not
# write to. Behind them is what every visitor gets, HTTP and HTTPS, and nothing else.

loopback=/run/loopback

# Visits come from this container's own address: one that no rule means by `local` or 127.0.0.1, and that has no limits.
beginLoopback() {
    local own
    own=$(ip -4 -oneline address show scope global | awk 'NR == 1 { sub(/\/.*/, "", $4); print $4 }')
    setpriv --pdeathsig=TERM -- "$LAMPLIGHTER_SBIN/forward" \
        "UNIX-LISTEN:$loopback/http.sock,unlink-early,mode=0660,fork,max-children=40" "TCP4:127.0.0.1:80${own:+,bind=$own}" \
        "UNIX-LISTEN:$loopback/https.sock,unlink-early,mode=0660,fork,max-children=40" "TCP4:127.0.0.1:443${own:+,bind=$own}" </dev/null &
}

# Whom PHP trusts over TLS: the authorities of the system, and the site's own certificate where nobody vouches for that.
# Written as a whole, and only when it is another one.
writeAuthorities() {
    local new=$loopback/.authorities.new
    (umask 022 && cat -- /etc/ssl/certs/ca-certificates.crt <(openssl x509 -in "$selfSigned") >"$new")
    if cmp --silent -- "$new" "$loopback/authorities.pem"; then
        rm -f -- "$new"
    else
        replaceFile "$new" "$loopback/authorities.pem"
    fi
}

checkLoopback() {
    local kind missing=''
    for kind in http https; do
        if [[ -z $(ss --no-header --listening --unix "src = $loopback/$kind.sock") ]]; then missing+=" $kind"; fi
    done
    if [[ -n $missing ]]; then
        leaveProblem loopback "the site does not reach itself over$missing: restart apache2 (docker compose restart apache2)"
    else
        takeAwayProblem loopback
    fi
}
