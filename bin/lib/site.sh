# shellcheck shell=bash
# The site's own folder, before the stack starts, and what the site answers then.
# Uses `compose` (the command).
# shellcheck disable=SC2154

siteFolder() {
    local folder
    folder=$(setting SITE_PATH ./site)
    printf '%s\n' "${folder/#\~/$HOME}"
}

# What visitors would see as no site at all.
checkSite() {
    local folder public
    folder=$(siteFolder)
    public=$(setting SITE_PUBLIC '')
    if [[ -r $folder && -z $(find "$folder" -mindepth 1 -print -quit) ]]; then
        giveUp "SITE_PATH is \`$(setting SITE_PATH ./site)\`, and there is nothing in it" \
            'Nothing has been changed. Put the files of your site there, or get them back: bin/restore'
    fi
    if [[ -n $public && -x $folder && ! -d $folder/$public ]]; then
        giveUp "SITE_PUBLIC is \`$public\`, and there is no such folder in $(setting SITE_PATH ./site)" \
            'Nothing has been changed. Name the folder of your site that is the document root.'
    fi
}

askSite() {
    local port status
    if ! type -P curl >/dev/null; then return; fi
    port=$(setting HTTP_PORT 8080)
    if [[ $port != *:* ]]; then port=127.0.0.1:$port; fi
    stepBegins 'asking the site'
    status=$(curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' \
        --header "Host: $(siteName)" "http://$port/" || true)
    if [[ $status == [23]* ]]; then
        stepDone "the site answers: HTTP $status"
    else
        note "The stack is up, but the site answers with HTTP $status: $(whySiteFails "$status")"
    fi
}

# The first of what it mostly is: files that cannot be read (403), a .htaccess that Apache does not understand, what PHP says.
whySiteFails() { # STATUS
    local why first=lastFaults second=unreadableFiles
    if [[ $1 == 403 ]]; then first=unreadableFiles second=lastFaults; fi
    why=$({ "$first"; "$second"; } | sed "s#/var/www/site#$(siteFolder)#g" | sed --quiet 1p)
    printf '%s\n' "${why:-see \`${compose[*]} exec php tail /var/log/php/fpm.log\`}"
}

# PHP is the application's user, and Apache is in its group.
# shellcheck disable=SC2016 # the containers' shell
unreadableFiles() {
    "${compose[@]}" exec -T apache2 find /var/www/site ! -readable -printf '%p cannot be read by Apache: it wants to be the group'"'"'s of APP_GID, and readable by it\n' 2>/dev/null || true
    "${compose[@]}" exec -T php sh -c 'setpriv --reuid="$APP_USER" --regid="$APP_USER" --init-groups find /var/www/site ! -readable -printf "%p cannot be read by PHP: it wants to be owned by APP_UID, or readable by it\n"' 2>/dev/null || true
}

lastFaults() {
    "${compose[@]}" exec -T apache2 tail --lines=3 /var/log/apache2/error.log 2>/dev/null |
        sed --quiet --regexp-extended 's#^.*core:alert.*\] (/[^:]*\.htaccess: .*)$#\1#p' || true
    "${compose[@]}" exec -T php tail --lines=3 /var/log/php/fpm.log 2>/dev/null |
        sed --quiet --regexp-extended 's#^.*(PHP (Fatal|Parse) error: .*)$#\1#p' || true
}
