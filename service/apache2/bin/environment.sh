# shellcheck shell=bash
# What apache2.conf refers to, for Apache itself and for whoever checks its configuration.
# shellcheck source=target-sbin/lib/site-names.sh
source "${LAMPLIGHTER_SBIN:-/usr/local/sbin}/lib/site-names.sh"
export SITE=/var/www/site
export DOCUMENT_ROOT="$SITE${SITE_PUBLIC:+/$SITE_PUBLIC}"
SITE_NAME=$(foldName "$(trimmed "${SITE_NAME:-localhost}")")
SITE_ALIASES=$(foldNames "${SITE_ALIASES:-}")
ACME_CONTACT=$(foldAddress "${ACME_CONTACT:-}")
export SITE_NAME SITE_ALIASES ACME_CONTACT
if ! isName "$SITE_NAME"; then
    logError "SITE_NAME is \`$SITE_NAME\`: one name such as forum.example is wanted; others go to SITE_ALIASES"
fi
export CERTIFICATES=/var/lib/certificates

# A site that has no name yet is reached by any address. Those end in a number, as no name of a host does, or have a colon.
SERVER_ALIASES=$SITE_ALIASES
if [[ $SITE_NAME == localhost ]]; then
    for digit in {0..9}; do SERVER_ALIASES+=" *.$digit *.$digit? *.$digit??"; done
    SERVER_ALIASES+=' *:*'
fi
export SERVER_ALIASES

# The form around the files takes room, too.
UPLOAD_MAX_BYTES=$(($(numfmt --from=iec "${UPLOAD_MAX:-64M}") + 1024 * 1024))
export UPLOAD_MAX_BYTES

PROXY_TIMEOUT=$((${PHP_TIMEOUT:-300} + 10))
export PROXY_TIMEOUT

# Another port than that of https:// has to be named.
HTTPS_PORT=${HTTPS_PORT:-443}
HTTPS_PORT=${HTTPS_PORT##*:}
HTTPS_SUFFIX=:$HTTPS_PORT
if ((HTTPS_PORT == 443)); then HTTPS_SUFFIX=''; fi
export HTTPS_SUFFIX
HSTS_SECONDS=$((${HSTS_DAYS:-30} * 24 * 3600))
export HSTS_SECONDS

# What one address may have; 0: anything.
export CONNECTIONS_PER_ADDRESS=${CONNECTIONS_PER_ADDRESS:-50} VISITS_PER_ADDRESS=${VISITS_PER_ADDRESS:-0}
export REFUSED_NETWORKS=${REFUSED_NETWORKS:-} CRAWLER_NETWORKS=${CRAWLER_NETWORKS:-}
export CRAWLER_NAMES=${CRAWLER_NAMES:-Googlebot|bingbot}
export NETWORKS=${LAMPLIGHTER_STATE:-/var/lib/lamplighter}/networks

# What .htaccess says in vain (site.conf) would be a line in the log at every request, which LogLevel does not change.
# Certificates are ordered where somebody has said who orders them, and the name is one that others can reach.
apacheOptions='-e error -d /usr/local/conf -f apache2.conf'
if [[ -n $ACME_CONTACT ]]; then apacheOptions+=' -D ACME'; fi
if [[ -n $SERVER_ALIASES ]]; then apacheOptions+=' -D ALIASES'; fi
if [[ -n ${SITE_PUBLIC:-} ]]; then apacheOptions+=' -D PUBLIC'; fi
if ((CONNECTIONS_PER_ADDRESS > 0)); then apacheOptions+=' -D CONNECTIONS'; fi
if ((VISITS_PER_ADDRESS > 0)); then apacheOptions+=' -D VISITS'; fi
# `auto`: where every visitor finds the port. What browsers remember of HTTPS (HSTS) holds for all ports of a name, so it is
# said only of this one.
if [[ ${SITE_HTTPS:-auto} != off && -z $HTTPS_SUFFIX ]]; then apacheOptions+=' -D TO_HTTPS -D HSTS'; fi
if [[ ${SITE_HTTPS:-auto} == on && -n $HTTPS_SUFFIX ]]; then apacheOptions+=' -D TO_HTTPS'; fi
# What comes through a proxy came over HTTPS there, or is sent to it.
if [[ ${SITE_HTTPS:-auto} == on && -n ${TRUSTED_PROXIES:-} ]]; then apacheOptions+=' -D PROXIED_TO_HTTPS'; fi
# Without a name of its own a site has none to lead to.
if [[ ${SITE_CANONICAL:-0} == 1 && $SITE_NAME != localhost ]]; then apacheOptions+=' -D CANONICAL'; fi
# What the stack's owner adds, unless it was wrong at the start (bin/local.sh).
export LOCAL_FOLDER=${LAMPLIGHTER_LOCAL:-/usr/local/local}
withoutLocal=/run/apache2-without-local
if [[ ! -e $withoutLocal ]]; then apacheOptions+=' -D LOCAL'; fi
