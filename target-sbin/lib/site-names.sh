# shellcheck shell=bash
# The site's names, as DNS, Apache and certificates have them: whatever way somebody writes them in `.env`, they are
# folded here and nowhere else, before anything is made of them.

# Forum.Example. and forum.example:8443 are forum.example, bücher.example is xn--bcher-kva.example. What is no name stays
# as it is, in small letters.
foldName() { # NAME
    local name=${1,,}
    if [[ $name =~ ^(.*[^:]):[0-9]+$ && ${BASH_REMATCH[1]} != *:* ]]; then name=${BASH_REMATCH[1]}; fi
    while [[ $name == ?*. ]]; do name=${name%.}; done
    if [[ $name == *[![:ascii:]]* ]]; then name=$(asciiName "$name"); fi
    printf '%s\n' "$name"
}

# As browsers do it (UTS 46). The asterisk of an alias is no part of a name.
asciiName() { # NAME
    local star=''
    if [[ $1 == '*.'* ]]; then star='*.'; fi
    # shellcheck disable=SC2016 # PHP's variables
    "/usr/bin/php${PHP_VERSION:-}" -n -d extension=intl -r '
        $name = idn_to_ascii($argv[1], IDNA_NONTRANSITIONAL_TO_ASCII, INTL_IDNA_VARIANT_UTS46);
        echo $argv[2], $name === false ? $argv[1] : $name;' -- "${1#"$star"}" "$star"
}

# Those of a list, however they are separated.
foldNames() { # NAMES
    local name folded=''
    local -a names
    read -r -d '' -a names <<<"${1//[,;]/ }" || true
    for name in "${names[@]}"; do folded+="${folded:+ }$(foldName "$name")"; done
    printf '%s\n' "$folded"
}

# somebody@forum.example, of a mail address that may have the scheme before it; the part before the @ is its owner's.
foldAddress() { # ADDRESS
    local address
    address=$(trimmed "$1")
    if [[ ${address,,} == mailto:* ]]; then address=${address:7}; fi
    if [[ $address == *@* ]]; then address=${address%@*}@$(foldName "${address##*@}"); fi
    printf '%s\n' "$address"
}

trimmed() { # TEXT
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s\n' "${text%"${text##*[![:space:]]}"}"
}

isName() { # NAME
    ((${#1} <= 253)) && [[ $1 =~ ^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$ ]]
}
