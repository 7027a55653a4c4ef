# shellcheck shell=bash
# What a service may take of this machine's memory and processors, where .env does not say it. Sourced by bin/up, whose
# keepSetting it calls.

# SERVICE:PERCENT:LEAST:PROCESSORS. How much of the memory, in percent, and of the processors a service may have at most.
# Together they may be more than there is: what matters is that none takes all of it. Less than the least, in MiB, no
# service can work with; `most` is all processors but half of one.
readonly limits=(
    mysql:50:768:most redis:15:256:1 php:50:512:most apache2:20:256:most backup:40:768:most scheduler:10:128:1
    console:10:128:1
)

# What .env does not say, it says from now on.
settleLimits() {
    local limit service percent least share memory processors wanted
    local -a new=()
    memory=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
    processors=$(getconf _NPROCESSORS_ONLN)
    for limit in "${limits[@]}"; do
        IFS=: read -r service percent least share <<<"$limit"
        if [[ $service == console && -z $(setting CONSOLE_PORT '') ]]; then continue; fi
        refuseLimits "${service^^}"
        if [[ -z $(setting "MEMORY_${service^^}" '') ]]; then
            wanted=$((memory * percent / 100))
            keepSetting "MEMORY_${service^^}" "$((wanted > least ? wanted : least))m"
            new+=("MEMORY_${service^^}")
        fi
        settleProcessors "CPUS_${service^^}" "$share" "$processors"
    done
    if ((${#new[@]})); then note "New in .env, from this machine's memory and processors: ${new[*]}"; fi
}

# Docker starts nothing that may have more processors than there are: .env may come from a larger machine.
settleProcessors() { # NAME SHARE PROCESSORS (the array `new` is settleLimits')
    local value wanted=''
    value=$(setting "$1" '')
    if [[ -n $value ]] && awk -v is="$value" -v most="$3" 'BEGIN { exit !(is <= most) }'; then return; fi
    if [[ -n ${!1:-} ]]; then
        giveUp "$1 is $value in the environment, and this machine has $3 processors" 'Docker starts no container that may have more than there are.'
    fi
    # Of a single one nothing can be kept free: there the weights of the services decide.
    if (($3 > 1)); then wanted=1; fi
    if (($3 > 1)) && [[ $2 == most ]]; then wanted=$(($3 - 1)).5; fi
    if [[ $value == "$wanted" ]]; then return; fi
    keepSetting "$1" "$wanted"
    new+=("$1")
}

refuseLimits() { # SERVICE
    local value
    value=$(setting "MEMORY_$1" 1g)
    if [[ ! $value =~ ^[1-9][0-9]*(\.[0-9]+)?([kmgKMG][bB]?|[bB])?$ ]]; then
        giveUp "MEMORY_$1 is \`$value\`" 'A number with m or g is wanted, such as 1500m.'
    fi
    value=$(setting "CPUS_$1" 0)
    if [[ ! $value =~ ^[0-9]{1,4}(\.[0-9]+)?$ ]]; then
        giveUp "CPUS_$1 is \`$value\`" 'A number of processors is wanted, such as 1.5, or 0 for all there are.'
    fi
}
