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

# Certificates are ordered where somebody has said who orders them, and the name is one that others can reach.
apacheOptions='-d /usr/local/conf -f apache2.conf'
if [[ -n $ACME_CONTACT ]]; then apacheOptions+=' -D ACME'; fi
if [[ -n $SITE_ALIASES ]]; then apacheOptions+=' -D ALIASES'; fi
