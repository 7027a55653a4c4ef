# One image for every service of the stack: what a container is, its mounts say (see docker-compose.yaml).
# No heredocs and no mount options, so that the classic builder can build it too.
ARG DEBIAN_VERSION=trixie-slim
FROM debian:${DEBIAN_VERSION}

# The PHP that this Debian has; service folders find its paths by it.
ARG PHP_VERSION=8.4
ENV PHP_VERSION=${PHP_VERSION} \
    LANG=C.UTF-8

# Three things that packages leave behind must not get into a layer, hence one RUN:
# - daemons that start themselves during the build (policy-rc.d forbids it),
# - what is to be unique to each installation: MariaDB's data directory (made again on the first start), keys,
#   certificates, the machine id,
# - package lists, logs and caches.
# Old names of time zones, such as US/Pacific, are a package of their own in newer Debians, and in the older ones there is none.
# The day is kept on which they were got, so that somebody is told when that is long ago (check-packages).
# The folders of data stay, empty and their users': a new named volume takes its owner from what it is mounted over.
# The users whose files outlive the container get their numbers from us; the packages would give them out in the order
# in which they happen to be installed. Who is in the group `lamplighter` may ask at the request sockets; MariaDB's user is
# in `backup`, the group of the repository of backups.
RUN set -eu; \
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; \
    chmod 755 /usr/sbin/policy-rc.d; \
    export DEBIAN_FRONTEND=noninteractive; \
    groupadd --system --gid 901 mysql; \
    useradd --system --uid 901 --gid 901 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin mysql; \
    groupadd --system --gid 902 redis; \
    useradd --system --uid 902 --gid 902 --no-create-home --home-dir /var/lib/redis --shell /usr/sbin/nologin redis; \
    groupadd --system --gid 903 scheduler; \
    groupadd --system --gid 904 lamplighter; \
    useradd --system --uid 903 --gid 903 --groups lamplighter --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin scheduler; \
    usermod --append --groups backup mysql; \
    apt-get update; \
    apt-get upgrade --yes --no-install-recommends; \
    apt-get install --yes --no-install-recommends \
        age \
        apache2 \
        ca-certificates \
        curl \
        iproute2 \
        jq \
        less \
        libapache2-mod-qos \
        libfcgi-bin \
        logrotate \
        mariadb-backup \
        mariadb-client \
        mariadb-server \
        msmtp \
        netcat-openbsd \
        openssh-client \
        openssl \
        perl \
        php${PHP_VERSION}-bcmath \
        php${PHP_VERSION}-cli \
        php${PHP_VERSION}-curl \
        php${PHP_VERSION}-fpm \
        php${PHP_VERSION}-gd \
        php${PHP_VERSION}-gmp \
        php${PHP_VERSION}-intl \
        php${PHP_VERSION}-mbstring \
        php${PHP_VERSION}-mysql \
        php${PHP_VERSION}-opcache \
        php${PHP_VERSION}-redis \
        php${PHP_VERSION}-xml \
        php${PHP_VERSION}-zip \
        procps \
        redis-server \
        restic \
        rsync \
        socat \
        systemd-standalone-tmpfiles \
        tini \
        tzdata $(apt-cache search --names-only '^tzdata-legacy$' | cut --delimiter=' ' --fields=1) \
        xz-utils \
        zstd \
    ; \
    apt-get clean; \
    rm -rf /usr/sbin/policy-rc.d \
        /etc/machine-id /var/lib/dbus/machine-id \
        /etc/ssl/private/* \
        /var/lib/mysql /var/lib/redis /var/www/html \
        /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* \
        /var/lib/dpkg/*-old /tmp/* /var/tmp/*; \
    find /var/log -type f -delete; \
    install --directory --owner=mysql --group=mysql --mode=755 /var/lib/mysql; \
    install --directory /usr/local/share/lamplighter; \
    date --utc +%Y-%m-%dT%H:%M:%SZ > /usr/local/share/lamplighter/packages-date; \
    install --directory --owner=redis --group=redis --mode=750 /var/lib/redis

# What .env asks for beside that, in a layer of its own: a change of it is built quickly. What Debian does not have is said
# in one line that begins with `refused` (bin/up shows it), and the build ends. An extension that PHP has already is no
# package. An update of the lists that fails is a failure, or there would seem to be nothing.
ARG PHP_EXTENSIONS=
ARG EXTRA_PACKAGES=
ARG LOCALES=
RUN set -eu; \
    if [ -z "$PHP_EXTENSIONS$EXTRA_PACKAGES$LOCALES" ]; then exit; fi; \
    refuse() { printf 'refused%s %s\n' : "$*" >&2; exit 1; }; \
    exists() { apt-cache show "$1" > /dev/null 2>&1; }; \
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; \
    chmod 755 /usr/sbin/policy-rc.d; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get -o APT::Update::Error-Mode=any update; \
    packages=$EXTRA_PACKAGES; \
    for package in $EXTRA_PACKAGES; do \
        exists "$package" || refuse "EXTRA_PACKAGES: Debian has no package $package"; \
    done; \
    for extension in $PHP_EXTENSIONS; do \
        if "php$PHP_VERSION" -m | grep --quiet --ignore-case --line-regexp --fixed-strings "$extension"; then continue; fi; \
        exists "php$PHP_VERSION-$extension" || refuse "PHP_EXTENSIONS: Debian has no extension $extension for PHP $PHP_VERSION; it has" \
            $(apt-cache pkgnames "php$PHP_VERSION-" | sed "s/^php$PHP_VERSION-//; /^\(cgi\|cli\|common\|dev\|fpm\|phpdbg\)\$/d" | sort); \
        packages="$packages php$PHP_VERSION-$extension"; \
    done; \
    if [ -n "$LOCALES" ]; then packages="$packages locales"; fi; \
    apt-get install --yes --no-install-recommends $packages; \
    for locale in $LOCALES; do \
        if [ ! -e "/usr/share/i18n/locales/$locale" ]; then refuse "LOCALES: Debian has no locale $locale"; fi; \
        case $locale in *@*) name=${locale%@*}.UTF-8@${locale#*@} ;; *) name=$locale.UTF-8 ;; esac; \
        localedef --inputfile="$locale" --charmap=UTF-8 "$name"; \
    done; \
    apt-get clean; \
    rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* \
        /var/lib/dpkg/*-old /tmp/* /var/tmp/*; \
    find /var/log -type f -delete

# The web console's user. It owns no data, so it is made here, where a change costs nobody the packages above.
# The application's user: PHP runs as it, MariaDB knows it by its uid, and Redis' socket is open to its group `redis`.
# The same number outside is the owner of the files that the site may write. Apache is in its group, and so serves what only
# the application's group may read.
ARG APP_USER=forum
ARG APP_UID=10001
ARG APP_GID=10001
ENV APP_USER=${APP_USER}
RUN set -eu; \
    groupadd --system --gid 905 console; \
    useradd --system --uid 905 --gid 905 --groups lamplighter --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin console; \
    groupadd --gid "$APP_GID" "$APP_USER"; \
    useradd --uid "$APP_UID" --gid "$APP_GID" --groups redis --no-create-home --home-dir /var/www \
        --shell /usr/sbin/nologin "$APP_USER"; \
    usermod --append --groups "$APP_USER" www-data; \
    rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /var/log/lastlog /var/log/faillog

WORKDIR /usr/local
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["/usr/local/sbin/supervisor"]
