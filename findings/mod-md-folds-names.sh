#!/usr/bin/env bash
# Apache's mod_md files a domain in small letters, whatever MDomain and ServerName say, while Apache itself keeps the
# letters that are written. Whoever asks for the certificate by the same name as it was ordered with, such as
# <IfFile "STORE/domains/${NAME}/pubcert.pem">, never sees one for Forum.Test: the order succeeds, again and again, and
# looks as if it had not.
#
# Apache runs on 127.0.0.1, with an authority that nobody listens for: the store is laid out before anything is ordered.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh

needDebian apache2-bin=2.4.71-1~deb12u1 libapr1=1.7.2-3+deb12u1 libaprutil1=1.6.3-1+deb12u1 libjansson4=2.14-2
readonly modules=$folder/root/usr/lib/apache2/modules apache=$folder/root/usr/sbin/apache2
LD_LIBRARY_PATH=$(printf '%s' "$folder"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH
chmod 0755 "$folder"

writeConfiguration() { # NAME
    cat >"$folder/httpd.conf" <<TEXT
ServerRoot $folder
DefaultRuntimeDir $folder
PidFile $folder/pid
ErrorLog $folder/error.log
User nobody
ServerName $1
Listen 127.0.0.1:18443
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule md_module $modules/mod_md.so
MDStoreDir $folder/store
MDCertificateAgreement accepted
MDContactEmail you@forum.test
MDCertificateAuthority http://127.0.0.1:9/directory
MDRenewMode manual
MDomain $1
<VirtualHost 127.0.0.1:18443>
    ServerName $1
    SSLEngine on
</VirtualHost>
TEXT
}

# Until the store is there.
runApache() {
    local tries
    mkdir -p -- "$folder/store"
    "$apache" -f "$folder/httpd.conf" -k start 2>/dev/null
    for ((tries = 0; tries < 100; tries++)); do
        if compgen -G "$folder/store/domains/*/md.json" >/dev/null && [[ -e $folder/pid ]]; then break; fi
        sleep 0.1
    done
    kill "$(<"$folder/pid")"
}

writeConfiguration Forum.Test
named=$("$apache" -f "$folder/httpd.conf" -t -D DUMP_VHOSTS 2>/dev/null | sed --quiet 's/^127.0.0.1:18443 *\([^ ]*\).*/\1/p')
runApache
see 'what Apache calls the site' Forum.Test "$named"
see "the folders in mod_md's store" forum.test "$(ls -- "$folder/store/domains")"
see 'the name in it' forum.test "$(sed --quiet 's/^  "name": "\(.*\)",/\1/p' "$folder/store/domains/forum.test/md.json")"
conclude
