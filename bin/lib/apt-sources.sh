# shellcheck shell=bash
# Where this machine gets its Debian packages from: its apt sources, in both of their formats.

debianKeyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Where the sources are looked up; tests have others.
aptFolder=${APT_FOLDER:-/etc/apt}

# "URI SUITE" of every enabled source of binary packages with the component main.
listAptSources() {
    local file
    for file in "$aptFolder"/sources.list "$aptFolder"/sources.list.d/*.list; do
        if [[ -r $file ]]; then listOneLineSources "$file"; fi
    done
    for file in "$aptFolder"/sources.list.d/*.sources; do
        if [[ -r $file ]]; then listParagraphSources "$file"; fi
    done
}

# deb [signed-by=... arch=...] URI SUITE COMPONENT...
listOneLineSources() { # FILE
    awk '
        { sub(/#.*/, "") }
        $1 != "deb" { next }
        {
            sub(/^[[:space:]]*deb[[:space:]]+/, "")
            sub(/^\[[^]]*\][[:space:]]*/, "")
            for (i = 3; i <= NF; i++) if ($i == "main") print $1, $2
        }' "$1"
}

# Paragraphs of "Field: value ...", with continuation lines (deb822).
listParagraphSources() { # FILE
    awk '
        function flush(   u, s, i, j, uris, suites) {
            if (value["types"] ~ /(^| )deb( |$)/ && value["components"] ~ /(^| )main( |$)/ &&
                tolower(value["enabled"]) !~ /no|false|off|disable|without|^ *0 *$/) {
                u = split(value["uris"], uris, " "); s = split(value["suites"], suites, " ")
                for (i = 1; i <= u; i++) for (j = 1; j <= s; j++) print uris[i], suites[j]
            }
            delete value
        }
        /^#/ { next }
        /^[[:space:]]*$/ { flush(); next }
        /^[^[:space:]]/ { field = tolower($0); sub(/:.*/, "", field); line = $0; sub(/^[^:]*:/, "", line); value[field] = line; next }
        { value[field] = value[field] " " $0 }
        END { flush() }' "$1"
}

# A source may name a file with a list of mirrors (as cloud images do) in place of a mirror.
plainMirrors() { # < "URI SUITE" lines
    local uri suite mirror
    while read -r uri suite; do
        case $uri in
        http://* | https://*) printf '%s %s\n' "${uri%/}" "$suite" ;;
        mirror+file:*)
            uri=/${uri#mirror+file:*(/)}
            if [[ -r $uri ]]; then
                while read -r mirror _; do
                    if [[ $mirror == http*://* ]]; then printf '%s %s\n' "${mirror%/}" "$suite"; fi
                done <"$uri"
            fi
            ;;
        esac
    done
}
shopt -s extglob

fetch() { # URL
    if type -P curl >/dev/null; then
        curl --fail --silent --location --max-time 20 "$1"
    elif type -P wget >/dev/null; then
        wget --quiet --timeout=20 --output-document=- "$1"
    else
        giveUp 'there is neither curl nor wget'
    fi
}

# Many a source is not Debian's (other vendors' packages, a derivative's), and not every mirror has every suite.
servesSuite() { # MIRROR SUITE
    [[ $(fetch "$1/dists/$2/InRelease" 2>/dev/null) == *$'\nOrigin: Debian\n'* ]]
}

isSignedByDebian() { # MIRROR SUITE
    [[ -r $debianKeyring ]] && type -P gpgv >/dev/null &&
        fetch "$1/dists/$2/InRelease" | gpgv --quiet --keyring "$debianKeyring" --output /dev/null &>/dev/null
}

findMirror() { # SUITE
    local mirror tried=''
    # Its suites for security are elsewhere, or in a folder of their own.
    while read -r mirror; do
        tried+=" $mirror"
        if servesSuite "$mirror" "$1"; then
            printf '%s\n' "$mirror"
            return
        fi
    done < <(listAptSources | plainMirrors | awk '$2 !~ /-security$|\/updates$/ && !seen[$1]++ { print $1 }')

    giveUp "no mirror with Debian $1 is to be reached" "Tried:${tried:- no source in $aptFolder}" \
        'Name one: DEBIAN_MIRROR=http://... bin/up'
}

# The line for security updates, where this machine has such a source.
findSecuritySource() { # SUITE
    local mirror
    while read -r mirror; do
        if servesSuite "$mirror" "$1-security"; then
            printf 'deb %s %s-security main\n' "$mirror" "$1"
            return
        fi
    done < <(listAptSources | plainMirrors | awk '$2 ~ /-security$|\/updates$/ && !seen[$1]++ { print $1 }')
}
