# shellcheck shell=bash disable=SC2034
# Apache: files from the document root, PHP by way of PHP-FPM's socket, HTTP and HTTPS.
SERVICE=apache2
COMMAND=/usr/sbin/apache2
OPTS='-d /usr/local/conf -f apache2.conf -D FOREGROUND'
USE_RUNSOCK=1
RUNMODE=0750
USE_VARLOG=1
# WINCH lets the requests in progress come to their end (at most GracefulShutdownTimeout).
STOP_SIGNAL=WINCH
STOP_TIMEOUT=12

export SITE=/var/www/site
export DOCUMENT_ROOT="$SITE${SITE_PUBLIC:+/$SITE_PUBLIC}"
export SITE_NAME=${SITE_NAME:-localhost}

# Your own certificate, where there is one: fullchain.pem and privkey.pem. Else one that nobody vouches for, in one
# file with its key, so that a rename puts both in place.
certificates=/var/lib/certificates
selfSigned=$certificates/self-signed.pem

# Made on the first start, and again when its name is no more the site's or it is about to end.
makeSelfSignedCertificate() {
    local month=$((30 * 24 * 3600)) new
    if openssl x509 -in "$selfSigned" -noout -checkend "$month" &>/dev/null &&
        openssl x509 -in "$selfSigned" -noout -checkhost "$SITE_NAME" | grep --quiet 'does match'; then
        return
    fi
    rm -f -- "$certificates"/.new.*
    new=$(umask 077 && mktemp "$certificates/.new.XXXXXX")
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$new"
    openssl req -x509 -key "$new" -days 820 -subj "/CN=$SITE_NAME" -addext "subjectAltName=DNS:$SITE_NAME" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth >"$new.certificate"
    cat -- "$new.certificate" >>"$new"
    rm -f -- "$new.certificate"
    sync "$new"
    mv -- "$new" "$selfSigned"
}

# Left behind by a container that was killed, it would keep Apache from starting: the number in it is somebody else's by
# now, and Apache takes it for one of its own.
rm -f /run/apache2/apache2.pid

# Who visits the site is not for every user of this machine to read.
install --directory --mode=0750 /var/log/apache2

if [[ -s $certificates/fullchain.pem && -s $certificates/privkey.pem ]]; then
    export CERTIFICATE=$certificates/fullchain.pem CERTIFICATE_KEY=$certificates/privkey.pem
else
    makeSelfSignedCertificate
    export CERTIFICATE=$selfSigned CERTIFICATE_KEY=$selfSigned
fi
