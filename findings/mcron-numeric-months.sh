#!/usr/bin/env bash
# GNU mcron reads crontabs of Vixie's form, and takes a month's number for that of the next one: 2 is March, 12 is January.
# Months by their names are right. A backup of `0 0 1 7 *` is made on 1 August; and what is dated 29 February runs on
# 29 March, each year.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh

needDebian mcron=1.0.8-1.1 guile-3.0-libs=3.0.8-2 libfaketime=0.9.10-2.1 libgc1=1:8.2.2-3 libunistring2=1.0-2
readonly libraries=$folder/root/usr/lib/x86_64-linux-gnu
# mcron looks for its own modules below ./scm.
mkdir -p -- "$folder/scm"
ln -s -- "$folder/root/usr/share/mcron" "$folder/scm/mcron"

# From a Monday in June 2026 on.
next() { # EXPRESSION COUNT
    (
        cd -- "$folder"
        export LD_LIBRARY_PATH=$libraries GUILE_AUTO_COMPILE=0 GUILE_LOAD_PATH=$folder/root/usr/share/guile/3.0
        export GUILE_LOAD_COMPILED_PATH=$libraries/guile/3.0/ccache TZ=UTC
        printf '%s true\n' "$1" |
            LD_PRELOAD=$libraries/faketime/libfaketime.so.1 FAKETIME='@2026-06-01 12:00:00' \
                "$folder/root/usr/bin/mcron" --stdin=vixie --schedule="$2" - | grep 20
    )
}

see '0 0 1 7 *: 1 August' 'Sat Aug  1 00:00:00 2026 +0000
Sun Aug  1 00:00:00 2027 +0000' "$(next '0 0 1 7 *' 2)"
see '0 0 1 jul *: 1 July' 'Wed Jul  1 00:00:00 2026 +0000
Thu Jul  1 00:00:00 2027 +0000' "$(next '0 0 1 jul *' 2)"
see '0 0 15 12 *: 15 January' 'Fri Jan 15 00:00:00 2027 +0000' "$(next '0 0 15 12 *' 1)"
see '0 0 29 2 *: in leap years, 2028 for example, too' 'Mon Mar 29 00:00:00 2027 +0000
Wed Mar 29 00:00:00 2028 +0000' "$(next '0 0 29 2 *' 2)"
conclude
