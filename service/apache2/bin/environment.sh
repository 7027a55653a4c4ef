# shellcheck shell=bash
# What apache2.conf refers to, for Apache itself and for whoever checks its configuration.
export SITE=/var/www/site
export DOCUMENT_ROOT="$SITE${SITE_PUBLIC:+/$SITE_PUBLIC}"
export SITE_NAME=${SITE_NAME:-localhost}
export CERTIFICATES=/var/lib/certificates

# Certificates are ordered where somebody has said who orders them, and the name is one that others can reach.
apacheOptions='-d /usr/local/conf -f apache2.conf'
if [[ -n ${ACME_CONTACT:-} ]]; then apacheOptions+=' -D ACME'; fi
if [[ -n ${SITE_ALIASES:-} ]]; then apacheOptions+=' -D ALIASES'; fi
