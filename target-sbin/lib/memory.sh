# shellcheck shell=bash
# How a daemon is fitted into the memory of its container. Personalities go by it, and bin/up shows it.

mebibyte=$((1024 * 1024))

# Of 1g, 512m, 128M, as Compose and PHP write it: 1024 is k.
bytesOf() { # SIZE
    local size=${1^^}
    size=${size%B}
    numfmt --from=iec -- "$size"
}

# In the largest unit that is whole.
sizeOf() { # BYTES
    if (($1 % (1024 * mebibyte) == 0)); then
        printf '%dG\n' $(($1 / (1024 * mebibyte)))
    else
        printf '%dM\n' $(($1 / mebibyte))
    fi
}

# What this container may take; half of the machine's, where it may take all.
memoryLimit() {
    local file limit
    for file in "${CGROUPS:=/sys/fs/cgroup}/memory.max" "$CGROUPS/memory/memory.limit_in_bytes"; do
        limit=$(cat -- "$file" 2>/dev/null) || continue
        # Without a limit the older kind of control group has a number that no machine has.
        if [[ $limit =~ ^[0-9]{1,15}$ ]]; then
            printf '%s\n' "$limit"
            return
        fi
    done
    awk '$1 == "MemTotal:" { print $2 * 512 }' /proc/meminfo
}

# So many of PHP may each take what one request can (PHP_MEMORY), beside the 128 MiB that they share (opcache). MariaDB
# gives the application's user ten connections more than there are at most.
phpWorkers() { # LIMIT MEMORY
    local workers=$((($1 - 128 * mebibyte) / $2))
    printf '%d\n' $((workers < 2 ? 2 : workers > 50 ? 50 : workers))
}

# The most that InnoDB keeps of its tables. Half is for what connections sort and join, and for what MariaDB has besides.
# InnoDB takes it by 8 MiB.
bufferPool() { # LIMIT
    printf '%d\n' $(($1 / 2 - $1 / 2 % (8 * mebibyte)))
}

# Twice what there is to keep, in steps of 64 MiB, and half a GiB from the start: the book-keeping of a pool takes a
# hundredth and more of it, whether something is in it or not.
fittedPool() { # MOST BYTES-OF-TABLES
    local step=$((64 * mebibyte)) wanted
    wanted=$(((2 * $2 + step - 1) / step * step))
    if ((wanted < 512 * mebibyte)); then wanted=$((512 * mebibyte)); fi
    printf '%d\n' $((wanted < $1 ? wanted : $1))
}

# While Redis writes its memory to the disk, what changes meanwhile is there twice.
cacheSize() { # LIMIT
    printf '%d\n' $(($1 / 2 / mebibyte * mebibyte))
}
