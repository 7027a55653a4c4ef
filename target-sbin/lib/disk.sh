# shellcheck shell=bash
# Room on the disks. Sourced by callbacks.

# Fails before one of these folders' disks is full, by bytes or by the number of files: at DISK_FULL_PERCENT.
checkDisks() { # FOLDER...
    local limit=${DISK_FULL_PERCENT:-85} folder used files free size full='' line most=-1 fullest='' data=''
    for folder; do
        read -r used files free size < <(df --block-size=1 --output=pcent,ipcent,avail,size -- "$folder" | tail --lines=1 | tr --delete %)
        line="the disk of $folder is $used % full: $(inBytes "$free") of $(inBytes "$size") are free"
        # Some file systems do not count files.
        if [[ $files =~ ^[0-9]+$ ]] && ((files >= limit)); then line+=", and $files % of its files are taken"; fi
        if ((used > most)); then
            most=$used fullest=$line data="{\"used\":$used,\"free\":$free,\"size\":$size}"
        fi
        if ((used >= limit)) || [[ $line == *'are taken' ]]; then full+="; $line"; fi
        logInfo "$line"
    done
    # Whether that is a problem or not.
    if [[ -n $data ]]; then leaveData disk "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" "$data" "$fullest"; fi
    if [[ -n $full ]]; then logError "make room (the limit is $limit %, DISK_FULL_PERCENT in .env)$full"; fi
}

needSpace() { # FOLDER BYTES WHAT-IS-NOT-DONE
    if ! hasSpace "$1" "$2"; then
        logError "$3: $(inBytes "$(freeSpace "$1")") are free in $1, and it takes $(inBytes "$2"). Make room, or keep fewer (BACKUP_KEEP_… in .env)"
    fi
}

hasSpace() { # FOLDER BYTES
    (($(freeSpace "$1") >= $2))
}

freeSpace() { # FOLDER
    df --output=avail --block-size=1 -- "$1" | tail --lines=1
}

inBytes() { # NUMBER
    numfmt --to=iec-i --suffix=B --format='%.1f' -- "$1"
}
