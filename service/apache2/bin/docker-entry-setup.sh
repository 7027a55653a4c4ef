# shellcheck shell=bash disable=SC2034
# Apache: files from the document root, PHP by way of PHP-FPM's socket, HTTP and HTTPS.
SERVICE=apache2
COMMAND=/usr/sbin/apache2
USE_VARLOG=1
LOG_FILES=/var/log/apache2/error.log
# WINCH lets the requests in progress come to their end (at most GracefulShutdownTimeout).
STOP_SIGNAL=WINCH
STOP_TIMEOUT=12

# shellcheck source=target-sbin/lib/replace.sh
source "$LAMPLIGHTER_SBIN/lib/replace.sh"
# shellcheck source=service/apache2/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"
# shellcheck source=service/apache2/bin/certificates.sh
source "$LAMPLIGHTER_BIN/certificates.sh"
# shellcheck source=service/apache2/bin/uploads.sh
source "$LAMPLIGHTER_BIN/uploads.sh"
# shellcheck source=service/apache2/bin/proxies.sh
source "$LAMPLIGHTER_BIN/proxies.sh"
# shellcheck source=service/apache2/bin/loopback.sh
source "$LAMPLIGHTER_BIN/loopback.sh"
# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=target-sbin/lib/local.sh
source "$LAMPLIGHTER_SBIN/lib/local.sh"
# shellcheck source=service/apache2/bin/local.sh
source "$LAMPLIGHTER_BIN/local.sh"
# shellcheck source=target-sbin/lib/packages.sh
source "$LAMPLIGHTER_SBIN/lib/packages.sh"

# Left behind by a container that was killed, it would keep Apache from starting: the number in it is somebody else's by
# now, and Apache takes it for one of its own.
rm -f /run/apache2/apache2.pid

# Who visits the site is not for every user of this machine to read.
umask 027

# Bodies that come in, until they are whole: on the disk, as /tmp is memory. What is left of earlier ones is nobody's.
export TMPDIR=/var/tmp
find "$TMPDIR" -mindepth 1 -delete

makeSelfSignedCertificate
noteVouchedFor
install --directory --mode=0750 /run/apache2
writeUploads /run/apache2/uploads.conf
writeProxies /run/apache2/proxies.conf
if [[ -z $REFUSED_NETWORKS ]]; then rm -f -- "$NETWORKS/refused.conf"; fi
if [[ -z $CRAWLER_NETWORKS ]]; then rm -f -- "$NETWORKS/crawler.conf"; fi

# It may be another image than before.
if [[ -r $PACKAGES_DATE_FILE ]]; then checkPackages; fi

judgeLocal "$withoutLocal"
# It goes by that.
# shellcheck source=service/apache2/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"
OPTS="$apacheOptions -D FOREGROUND"

if [[ -d $loopback ]]; then
    writeAuthorities
    beginLoopback
fi
