# shellcheck shell=bash
# TRUSTED_PROXIES: who stands in front of Apache, and is believed when he says who the visitor is and whether he came
# over HTTPS. What anybody else says of that is taken out (apache2.conf).
# shellcheck source=target-sbin/lib/networks.sh
source "${LAMPLIGHTER_SBIN:-/usr/local/sbin}/lib/networks.sh"

# For Apache; empty where there is no proxy.
writeProxies() { # FILE
    local word condition='' networks=''
    local -a words beginnings=()
    read -r -d '' -a words <<<"${TRUSTED_PROXIES:-}" || true
    for word in "${words[@]}"; do
        if [[ $word == host ]]; then word=$(addressOfHost); fi
        if ! isNetwork "$word"; then
            logError "TRUSTED_PROXIES has \`$word\`: networks or addresses are wanted, such as 192.0.2.7 or 2001:db8::/32, or host"
        fi
        networks+=" $word"
        condition+="${condition:+ || }%{CONN_REMOTE_ADDR} -ipmatch '$word'"
        mapfile -t -O "${#beginnings[@]}" beginnings < <(beginningsOf "$word")
    done
    if ((${#words[@]})); then
        proxyConfiguration "$networks" "$condition" "${beginnings[@]}" >"$1.new"
    else
        : >"$1.new"
    fi
    replaceFile "$1.new" "$1"
}

# This machine, as whom Docker passes on what comes to a port that is published for it alone.
addressOfHost() {
    ip -4 route show default | awk 'NR == 1 { print $3 }'
}

# The connections of a proxy are those of many visitors. Their visits are counted by the address that mod_remoteip found,
# which mod_qos takes from a header alone.
proxyConfiguration() { # NETWORKS CONDITION BEGINNING...
    # shellcheck disable=SC2016 # Apache's
    printf 'LoadModule remoteip_module ${modules}/mod_remoteip.so\nRemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy%s\n' "$1"
    printf 'SetEnvIfExpr "%s" proxied\n' "$2"
    cat <<'TEXT'
SetEnvIfExpr "reqenv('proxied') == '1' && %{HTTP:X-Forwarded-Proto} == 'https'" HTTPS=on forwarded=https
SetEnvIfExpr "reqenv('proxied') == '1' && %{HTTP:X-Forwarded-Proto} == 'http'" forwarded=http
SetEnvIf Remote_Addr "(.+)" visitor=$1
QS_SetReqHeader X-Lamplighter-Visitor visitor
QS_ClientIpFromHeader X-Lamplighter-Visitor
ProxyFCGISetEnvIf "reqenv('forwarded') == 'https'" REQUEST_SCHEME https
ProxyFCGISetEnvIf "reqenv('forwarded') == 'https' && reqenv('SERVER_PORT') == '80'" SERVER_PORT 443
TEXT
    shift 2
    printf 'QS_SrvMaxConnExcludeIP %s\n' "$@"
}
