# shellcheck shell=bash
# The certificates that Apache serves: your own, or one that mod_md has ordered, or one that nobody vouches for. Which
# of them it is, apache2.conf says at every reload.

selfSigned=$CERTIFICATES/self-signed.pem

# All that leads to the site, as openssl wants it told and tells it: DNS:forum.example, DNS:www.forum.example
namesOfTheSite() {
    local name names="DNS:$SITE_NAME"
    local -a aliases
    read -ra aliases <<<"$SITE_ALIASES"
    for name in "${aliases[@]}"; do
        # What else ServerAlias takes (a * or ? within a name) no certificate can be made out to.
        if isName "${name#'*.'}"; then names+=", DNS:$name"; fi
    done
    printf '%s\n' "$names"
}

# In one file with its key, so that a rename puts both in place. Made on the first start, and again when its names are no
# more the site's or it is about to end.
makeSelfSignedCertificate() {
    local month=$((30 * 24 * 3600)) new names
    names=$(namesOfTheSite)
    if openssl x509 -in "$selfSigned" -noout -checkend "$month" &>/dev/null &&
        [[ $'\n'$(openssl x509 -in "$selfSigned" -noout -ext subjectAltName)$'\n' == *$'\n'"    $names"$'\n'* ]]; then
        return
    fi
    rm -f -- "$CERTIFICATES"/.new.*
    new=$(umask 077 && mktemp "$CERTIFICATES/.new.XXXXXX")
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$new"
    openssl req -x509 -key "$new" -days 820 -subj "/CN=$SITE_NAME" -addext "subjectAltName=$names" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth >"$new.certificate"
    cat -- "$new.certificate" >>"$new"
    rm -f -- "$new.certificate"
    replaceFile "$new" "$selfSigned"
}

# Empty ones too, as apache2.conf has it.
hasOwnCertificate() {
    [[ -e $CERTIFICATES/fullchain.pem && -e $CERTIFICATES/privkey.pem ]]
}

ownCertificateIsWhole() {
    local public private
    public=$(openssl x509 -in "$CERTIFICATES/fullchain.pem" -noout -pubkey) || return
    private=$(openssl pkey -in "$CERTIFICATES/privkey.pem" -pubout) || return
    [[ $public == "$private" ]]
}

# The one to be served: the same choice as apache2.conf makes.
chosenCertificate() {
    local ordered=$CERTIFICATES/acme/domains/$SITE_NAME/pubcert.pem
    if hasOwnCertificate; then
        printf '%s\n' "$CERTIFICATES/fullchain.pem"
    elif [[ -n $ACME_CONTACT && -s $ordered ]]; then
        printf '%s\n' "$ordered"
    else
        printf '%s\n' "$selfSigned"
    fi
}

# What has come and is not where it is looked for would be ordered again and again.
needOrdered() {
    if [[ $(chosenCertificate) == "$selfSigned" ]]; then
        logError "a certificate for $SITE_NAME has come, and is not in acme/domains/$SITE_NAME of the folder of certificates"
    fi
}

# What a visitor is given, as PEM.
servedCertificate() {
    openssl s_client -connect 127.0.0.1:443 -servername "$SITE_NAME" </dev/null 2>/dev/null | openssl x509
}

isServed() {
    local served chosen
    served=$(servedCertificate | openssl x509 -noout -fingerprint -sha256) || return 1
    chosen=$(openssl x509 -in "$(chosenCertificate)" -noout -fingerprint -sha256)
    [[ $served == "$chosen" ]]
}

# What mod_md keeps of the order that it is at, as JSON: from its store, so that nothing of the site is in between.
order() {
    local job=$CERTIFICATES/acme/staging/$SITE_NAME/job.json
    if [[ -n $ACME_CONTACT && -s $job ]] && ! hasOwnCertificate; then cat -- "$job"; else printf '{}\n'; fi
}

isStaged() {
    order | jq --exit-status '.finished == true' >/dev/null
}

isNotStaged() {
    order | jq --exit-status '.finished != true' >/dev/null
}

# That browsers take the certificate, for apache2.conf: whoever sent visitors to HTTPS with another one would lock them
# out.
vouchedFor=$CERTIFICATES/vouched-for
vouchedForIsNew=

noteVouchedFor() {
    local before='' now
    if [[ -e $vouchedFor ]]; then before=1; fi
    now=$(browsersTake "$(chosenCertificate)")
    vouchedForIsNew=
    if [[ $before == "$now" ]]; then return; fi
    # shellcheck disable=SC2034 # docker-callbacks.sh asks
    vouchedForIsNew=1
    if [[ -n $now ]]; then : >"$vouchedFor"; else rm -f -- "$vouchedFor"; fi
}

# 1, as far as can be known without their list of authorities; nothing when they do not.
browsersTake() { # FILE
    local issuer subject names
    issuer=$(openssl x509 -in "$1" -noout -issuer)
    subject=$(openssl x509 -in "$1" -noout -subject)
    if [[ ${issuer#issuer} == "${subject#subject}" ]]; then return; fi
    names=$(openssl x509 -in "$1" -noout -ext subjectAltName -checkhost "$SITE_NAME" 2>/dev/null || true)
    if [[ $names != *DNS:* || $names != *' does match '* ]]; then return; fi
    if openssl x509 -in "$1" -noout -checkend 0 >/dev/null; then printf '1\n'; fi
}

# Where a certificate has been asked for and has not come: since when, in seconds since 1970, and for which name. A file,
# so that neither a restart nor a new container begins the day anew.
awaitedSince=$CERTIFICATES/awaited-since
# An authority that is asked answers within minutes.
patience=$((24 * 3600))

# Also mod_md makes one that nobody vouches for, where it has none.
isAwaited() { # CERTIFICATE
    local issuer subject
    if [[ -z $ACME_CONTACT ]] || hasOwnCertificate; then return 1; fi
    # It is called as a condition, where a failing command would end nothing.
    issuer=$(openssl x509 -noout -issuer <<<"$1") || logError 'the issuer of the certificate on the wire cannot be read'
    subject=$(openssl x509 -noout -subject <<<"$1") || logError 'the subject of the certificate on the wire cannot be read'
    [[ ${issuer#issuer} == "${subject#subject}" ]]
}

secondsAwaited() {
    local since='' name='' now
    printf -v now '%(%s)T' -1
    if [[ -e $awaitedSince ]]; then read -r since name <"$awaitedSince" || true; fi
    if [[ ! $since =~ ^[0-9]{1,12}$ || $name != "$SITE_NAME" ]] || ((since > now)); then
        since=$now
        printf '%s %s\n' "$since" "$SITE_NAME" >"$awaitedSince.new"
        replaceFile "$awaitedSince.new" "$awaitedSince"
    fi
    printf '%s\n' "$((now - since))"
}

# Why nothing has come, as far as mod_md knows.
whyAwaited() {
    local said
    said=$(order | jq --raw-output '[.last.detail?, .last.activity?, .log.entries[0].detail?]
        | map(select(. != null and . != "")) | first // ""' || true)
    printf '%s\n' "${said:-mod_md says nothing of it, perhaps the error.log in the folder of logs does}"
}

# The certificate on the wire has to be good for two weeks: time to see to it by hand.
lookAtServed() {
    local served end issuer trouble awaited=0
    served=$(servedCertificate)
    if isAwaited "$served"; then awaited=$(secondsAwaited); else rm -f -- "$awaitedSince"; fi
    end=$(openssl x509 -noout -enddate <<<"$served" | cut --delimiter== --fields=2)
    issuer=$(openssl x509 -noout -issuer -nameopt RFC2253 <<<"$served" | cut --delimiter== --fields=2-)
    leaveInstant certificate "$(date --utc --date="$end" +%Y-%m-%dT%H:%M:%SZ)" "from $issuer, good until $end"
    trouble=$(order | jq --raw-output 'select(.errors > 0) | .last.detail')
    if ! openssl x509 -noout -checkend "$((14 * 24 * 3600))" <<<"$served" >/dev/null; then
        logError "the certificate that visitors of $SITE_NAME are given is good until $end only${trouble:+. The new one cannot be ordered: $trouble}"
    fi
    if [[ -n $trouble ]]; then logError "no certificate can be ordered for $SITE_NAME: $trouble"; fi
    if ((awaited > patience)); then
        logError "no certificate has come for $SITE_NAME in $((awaited / 3600)) hours, and visitors are given one that nobody vouches for: $(whyAwaited)"
    fi
    logInfo "the certificate that visitors of $SITE_NAME are given is from $issuer and good until $end"
}
