# shellcheck shell=bash
# Networks, as settings name them: 203.0.113.0/24, 2001:db8::/32, or one address.

# From /8 on (IPv6: from /16 on): who writes a larger one has mistyped it.
isNetwork() { # WORD
    isNetwork4 "$1" || isNetwork6 "$1"
}

isNetwork4() { # WORD
    [[ $1 =~ ^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.|$|/)){4}([89]|[12][0-9]|3[0-2])?$ && $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(/[0-9]+)?$ ]]
}

isNetwork6() { # WORD
    [[ $1 == *:*:* && $1 =~ ^[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*(::?([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*)?)?(/(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-8]))?$ ]]
}

# The beginnings of its addresses in writing, one a line, for who knows no other networks. Where those would be too many,
# or are not certain, they are of a larger network.
beginningsOf() { # NETWORK
    if [[ $1 == *:* ]]; then
        beginningsOf6 "$1"
    else
        beginningsOf4 "$1"
    fi
}

beginningsOf4() { # NETWORK
    local size=32 whole rest value last beginning=''
    local -a bytes
    if [[ $1 == */* ]]; then size=${1#*/}; fi
    IFS=. read -ra bytes <<<"${1%/*}"
    whole=$((size / 8)) rest=$((size % 8))
    for value in "${bytes[@]:0:whole}"; do beginning+=$((10#$value)).; done
    if ((size == 32)); then
        printf '%s\n' "${beginning%.}"
    elif ((rest == 0)); then
        printf '%s\n' "$beginning"
    else
        value=$((10#${bytes[whole]} >> (8 - rest) << (8 - rest)))
        last=$((value + (1 << (8 - rest)) - 1))
        for ((; value <= last; value++)); do printf '%s%d.\n' "$beginning" "$value"; done
    fi
}

beginningsOf6() { # NETWORK
    local size=128 whole rest value last beginning=''
    local -a groups
    if [[ $1 == */* ]]; then size=${1#*/}; fi
    if ((size == 128)) && [[ $1 != *::* ]]; then
        printf '%s\n' "${1%/*}"
        return
    fi
    # What stands behind `::` may be written in several ways.
    IFS=: read -ra groups <<<"${1%%::*}"
    groups[-1]=${groups[-1]%/*}
    whole=$((size / 16)) rest=$((size % 16))
    for value in "${groups[@]:0:whole}"; do printf -v beginning '%s%x:' "$beginning" "$((16#$value))"; done
    if ((rest < 8 || whole >= ${#groups[@]})); then
        printf '%s\n' "$beginning"
        return
    fi
    value=$((16#${groups[whole]} >> (16 - rest) << (16 - rest)))
    last=$((value + (1 << (16 - rest)) - 1))
    for ((; value <= last; value++)); do printf '%s%x:\n' "$beginning" "$value"; done
}
