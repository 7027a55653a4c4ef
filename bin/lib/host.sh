# shellcheck shell=bash
# What the machine we run on offers.
# shellcheck disable=SC2016,SC2034 # backticks that are meant as such; variables for those who source this

isDebianRoot() {
    [[ $EUID -eq 0 && -e /etc/debian_version ]] && type -P apt-get >/dev/null
}

# Installs Debian packages where that is safe (as root on Debian and its relatives); says the command anywhere else.
needPackages() { # WHY PACKAGE...
    local why=$1
    shift
    if ! isDebianRoot; then
        giveUp "$why" "On Debian or Ubuntu: sudo apt-get install --yes $*"
    fi
    stepBegins "installing $*"
    # Where somebody else is at it, as the upgrades are that a new machine begins with, they are waited for.
    quietly 'apt-get update' apt-get -o DPkg::Lock::Timeout=600 update
    quietly "apt-get install $*" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends "$@"
    stepDone "installed: $*"
}

needDocker() {
    if ! type -P docker >/dev/null; then needPackages 'there is no docker command' docker.io; fi
    local problem
    if problem=$(docker version --format '{{.Server.Version}}' 2>&1); then return; fi
    case $problem in
    *'permission denied'*)
        giveUp 'the Docker daemon does not let you in' \
            "Join its group, then log in again: sudo usermod --append --groups docker ${USER:-$(id --user)}" \
            'Or run this command with sudo.'
        ;;
    *)
        giveUp 'the Docker daemon does not answer' "${problem##*$'\n'}" 'Start it with: sudo systemctl start docker'
        ;;
    esac
}

# Sets the array `compose` to the command of Docker Compose: v2 when there is one, 1.29 otherwise.
findCompose() {
    if docker compose version &>/dev/null; then
        compose=(docker compose)
    elif type -P docker-compose >/dev/null; then
        compose=(docker-compose)
    else
        needPackages 'there is neither `docker compose` nor `docker-compose`' docker-compose
        if docker compose version &>/dev/null; then compose=(docker compose); else compose=(docker-compose); fi
    fi
}
