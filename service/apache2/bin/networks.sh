# shellcheck shell=bash
# Lists of networks for Apache: whom it refuses (REFUSED_NETWORKS), and where those that call themselves a crawler of
# CRAWLER_NAMES have to come from (CRAWLER_NETWORKS). A setting has networks and addresses of lists; a list has a network
# a line (what is behind # or ; is a remark), or is JSON with ipv4Prefix and ipv6Prefix, as the makers of crawlers publish
# theirs.

largestList=$((8 * 1024 * 1024))

# All of it, one a line. A list that cannot be had, or that is none, ends the run: the one before it stays.
networksOf() { # SETTING WORD...
    local setting=$1 word folder list
    shift
    folder=$(mktemp --directory)
    # shellcheck disable=SC2064 # this folder
    trap "rm -rf -- '$folder'" EXIT
    for word; do
        list=$folder/list
        if [[ $word =~ ^https?:// ]]; then
            if ! curl --fail --silent --show-error --location --max-time 60 --max-filesize "$largestList" --output "$list" -- "$word" 2>"$folder/why"; then
                logError "$setting: the list $word cannot be had: $(<"$folder/why")"
            fi
        else
            printf '%s\n' "$word" >"$list"
        fi
        networksOfList "$list" >"$folder/networks"
        needNetworks "$setting" "$word" "$folder/networks"
        cat -- "$folder/networks"
    done
}

networksOfList() { # FILE
    if jq --exit-status 'type == "object"' "$1" &>/dev/null; then
        jq --raw-output '.prefixes[]? | .ipv4Prefix // .ipv6Prefix // empty' "$1"
    else
        sed 's/[#;].*//; s/[[:space:]]\+//g; /^$/d' "$1"
    fi
}

# A list with a line too much would shut out whoever operates the site, or everybody.
needNetworks() { # SETTING WORD FILE
    local line
    if [[ ! -s $3 ]]; then logError "$1: there is no network in $2"; fi
    line=$(grep --line-number --extended-regexp --invert-match --max-count=1 \
        '^([0-9]{1,3}(\.[0-9]{1,3}){3}(/([89]|[12][0-9]|3[0-2]))?|[0-9a-fA-F]*:[0-9a-fA-F:]+(/(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-8]))?)$' "$3" || true)
    if [[ -n $line ]]; then
        logError "$1: line ${line%%:*} of $2 is \`${line#*:}\`: a network is wanted, from /8 on (IPv6: from /16 on)"
    fi
    line=$(grep --line-number --extended-regexp --max-count=1 '^(0|10|127|192\.168|172\.(1[6-9]|2[0-9]|3[01]))\.|^(::|fe80:|f[cd][0-9a-fA-F]{2}:)' "$3" || true)
    if [[ -n $line ]]; then logError "$1: line ${line%%:*} of $2 is \`${line#*:}\`: that is no network of the internet"; fi
}

# `Require` with so many networks a line.
requireLines() { # WORDS FILE
    xargs --max-args=50 <"$2" | sed "s/^/        Require $1/"
}

# Together with what is required of the same request elsewhere.
refusedConfiguration() { # FILE-WITH-NETWORKS
    printf '<Location "/">\n    AuthMerging And\n    <RequireAll>\n        Require all granted\n'
    requireLines 'not ip ' "$1"
    printf '    </RequireAll>\n</Location>\n'
}

# Who comes from there is who he says he is, and makes as many visits as he likes.
crawlerConfiguration() { # FILE-WITH-NETWORKS
    printf 'SetEnvIfNoCase User-Agent "%s" crawler !visit\n' "$CRAWLER_NAMES"
    printf '<If "-n reqenv('"'crawler'"')">\n    AuthMerging And\n    <RequireAny>\n'
    requireLines 'ip ' "$1"
    printf '    </RequireAny>\n</If>\n'
}

# Writes what has changed, and not what Apache could not live with.
updateNetworks() { # NAME SETTING WORDS
    local file=$NETWORKS/$1.conf new=$NETWORKS/$1.new said
    local -a words
    read -ra words <<<"$3"
    mkdir -p -- "$NETWORKS"
    chmod 0700 -- "$NETWORKS"
    : >"$new"
    if ((${#words[@]})); then
        networksOf "$2" "${words[@]}" >"$new.networks"
        "$1Configuration" "$new.networks" >"$new"
        logInfo "$2: $(wc --lines <"$new.networks") networks"
        rm -f -- "$new.networks"
    fi
    if cmp --silent -- "$new" "$file" || [[ ! -s $new && ! -e $file ]]; then
        rm -f -- "$new"
        return
    fi
    # There is one at every moment.
    if [[ -e $file ]]; then ln --force -- "$file" "$file.before"; fi
    replaceFile "$new" "$file"
    # shellcheck disable=SC2086,SC2154 # words, of environment.sh
    if ! said=$(/usr/sbin/apache2 $apacheOptions -t 2>&1); then
        rm -f -- "$file"
        if [[ -e $file.before ]]; then mv -- "$file.before" "$file"; fi
        logError "$2: Apache would not start with those networks: $said"
    fi
    rm -f -- "$file.before"
    # shellcheck disable=SC2034 # docker-callbacks.sh asks
    networksAreNew=1
}
