# shellcheck shell=bash
# The image of the stack's services, `lamplighter:PROJECT`: made from the Dockerfile and .env, or somebody's own.
# Uses `project` (the stack's name).
# shellcheck disable=SC2154

# What may be different in an image, and what it is where .env does not say.
imageSettings=(DEBIAN_VERSION=trixie-slim PHP_VERSION=8.4 PHP_EXTENSIONS= EXTRA_PACKAGES= LOCALES= APP_USER=forum APP_UID=10001 APP_GID=10001)

checkImageSettings() {
    local image days
    checkWords PHP_EXTENSIONS '^[a-z0-9][a-z0-9_]*$' 'Names of extensions are wanted, separated by blanks, such as imagick soap.'
    # With - at its end apt would remove it.
    checkWords EXTRA_PACKAGES '^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$' 'Names of packages of Debian are wanted, separated by blanks, such as ffmpeg.'
    checkWords LOCALES '^[a-z]{2,3}_[A-Z]{2}(@[a-z]+)?$' 'Names of locales are wanted, separated by blanks, such as de_DE fr_FR.'
    days=$(setting PACKAGES_DAYS 30)
    if [[ ! $days =~ ^(0|[1-9][0-9]{0,3})$ ]]; then giveUp "PACKAGES_DAYS is \`$days\`" 'A number of days is wanted, 0 for no limit.'; fi
    image=$(setting IMAGE '')
    if [[ -n $image && ! $image =~ ^[a-z0-9][A-Za-z0-9._:/@-]*$ ]]; then
        # shellcheck disable=SC2016 # a command in words
        giveUp "IMAGE is \`$image\`" 'The name of an image is wanted, as `docker image ls` has it, such as my-site:latest.'
    fi
}

checkWords() { # SETTING PATTERN WHAT-IS-WANTED
    local word
    local -a words
    read -r -a words <<<"$(wordsOf "$1")"
    for word in "${words[@]}"; do
        if [[ ! $word =~ $2 ]]; then giveUp "$1 has \`$word\`" "$3"; fi
    done
}

# One blank between them, whatever it is in .env.
wordsOf() { # SETTING
    local -a words
    read -r -d '' -a words <<<"$(setting "$1" '')" || true
    printf '%s\n' "${words[*]}"
}

provideImage() { # [--no-cache]
    local image
    image=$(setting IMAGE '')
    if [[ -z $image ]]; then
        bin/base-image "$(setting DEBIAN_VERSION trixie-slim)"
        buildImage "$@"
    elif (($#)); then
        giveUp "IMAGE in .env is $image: it is yours to make anew" 'Make it, and then: bin/up'
    else
        takeImage "$image"
    fi
}

# By the name that the containers have it by.
takeImage() { # IMAGE
    local user
    stepBegins "image $1"
    if ! docker image inspect "$1" &>/dev/null; then quietly "fetching the image $1, which IMAGE in .env names," docker pull "$1"; fi
    user=$(docker image inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$1" | sed --quiet 's/^APP_USER=//p')
    if [[ -z $user ]]; then
        giveUp "IMAGE is $1, which is not made from Lamplighter's" 'Its Dockerfile has to begin with FROM and the name of one that bin/up has made.'
    fi
    if [[ $user != "$(setting APP_USER forum)" ]]; then
        giveUp "IMAGE is $1, whose APP_USER is $user, and in .env it is $(setting APP_USER forum)" "Set APP_USER=$user in .env, or make the image with the other."
    fi
    docker tag "$1" "lamplighter:$project"
    stepDone "image $1"
}

# The image is known by what it is made of, so that it is built only when that has changed, and once for all the stacks
# of a machine: by a tag, as a label would go on to every image that somebody derives from it.
buildImage() { # [--no-cache]
    local image=lamplighter:$project inputs name value
    local -a arguments=()
    for name in "${imageSettings[@]}"; do
        value=$(wordsOf "${name%%=*}")
        arguments+=(--build-arg "${name%%=*}=${value:-${name#*=}}")
    done
    inputs=$({ printf '%s\n' "${arguments[@]}" && cat Dockerfile; } | sha256sum | cut --characters=1-16)
    stepBegins "image $image"
    if [[ -z ${1:-} ]] && docker tag "lamplighter-made-of:$inputs" "$image" 2>/dev/null; then
        stepDone "image $image"
        return
    fi
    stepBegins "building the image $image (takes a minute or two)"
    runBuild "$@" "${arguments[@]}" --tag "$image"
    docker tag "$image" "lamplighter-made-of:$inputs"
    stepDone "image $image built"
}

# What the Dockerfile refuses is all that there is to say.
runBuild() { # OPTION...
    local log refusal
    log=$(mktemp "${TMPDIR:-/tmp}/lamplighter.XXXXXX")
    # From standard input, so that nothing of this folder is sent to the builder. The older builder would leave the container
    # of a step that has failed.
    if docker build --force-rm "$@" - <Dockerfile >"$log" 2>&1; then
        rm -f -- "$log"
        return
    fi
    refusal=$(sed --quiet --regexp-extended 's/^.*refused: ([^\x1b]*).*/\1/p' "$log" | tail --lines=1)
    if [[ -z $refusal ]]; then giveUpWithLog 'building the image' "$log"; fi
    rm -f -- "$log"
    giveUp "the image cannot be built: $refusal" 'Correct .env, and run bin/up again.'
}
