# shellcheck shell=bash
# An authority of the test's own: acme2certifier (from PyPI) in a container, on a network where it and Apache know each
# other by name. It checks as a real one does: it asks the name over HTTP for what only its owner can know. A relay for
# mail (aiosmtpd) is in the same image.

readonly acmeRelease=0.46.3 relayRelease=1.4.6

# Takes a minute or two, so it is begun at the start, beside the first cases. The image stays, as the stack's does.
beginAcmeImage() {
    acmeImageProcess=ended
    if docker image inspect "$acmeImage" &>/dev/null; then return; fi
    makeAcmeImage &>"$results/acme-image" {lock}>&- &
    acmeImageProcess=$!
}

makeAcmeImage() {
    local certificates=/etc/ssl/certs/ca-certificates.crt
    local -a trust=()
    until docker image inspect "$debian"; do sleep 1; done
    # Whom this machine trusts, its company's proxy perhaps, the container has to trust too.
    if [[ -r $certificates ]]; then trust=(--volume "$certificates:/host-certificates:ro" --env PIP_CERT=/host-certificates); fi
    docker run --name "$acme-image" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "${trust[@]}" \
        "$debian" sh -euc "
            apt-get -qq update
            apt-get -qq install --yes --no-install-recommends ca-certificates openssl python3-venv
            python3 -m venv /acme
            /acme/bin/pip install --quiet --disable-pip-version-check acme2certifier==$acmeRelease aiosmtpd==$relayRelease"
    docker commit "$acme-image" "$acmeImage"
    docker rm "$acme-image"
}

# Who makes it is no child of the case's subshell, so that `wait` knows nothing of it.
needAcmeImage() {
    if [[ -z ${acmeImageProcess:-} ]]; then beginAcmeImage; fi
    waitUntil 400 "the authority's image is made" acmeImageIsMade
}

startAcmeServer() {
    needAcmeImage
    mkdir -p -- "$results/acme"
    cat >"$results/acme/acme_srv.cfg" <<'TEXT'
[DEFAULT]
debug: False
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: /ca/key.pem
issuing_ca_cert: /ca/certificate.pem
issuing_ca_crl: /ca/crl.pem
cert_save_path: /ca/issued
cert_validity_days: 30
[DBhandler]
handler_module: acme2certifier.dbhandlers.wsgi_handler
dbfile: /ca/acme.db
TEXT
    docker network create --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$acme" >/dev/null
    docker run --detach --name "$acme" --network "$acme" --network-alias acme.test \
        --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" --volume "$results/acme:/configuration:ro" \
        --env ACME_SRV_CONFIGFILE=/configuration/acme_srv.cfg "$acmeImage" sh -euc '
            mkdir -p /ca/issued
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /ca/key.pem \
                -out /ca/certificate.pem -days 3650 -subj "/CN=authority of the test" -addext keyUsage=critical,keyCertSign,cRLSign
            cd /acme/lib/python3*/site-packages
            exec /acme/bin/python -u acme2certifier/share/acme2certifier_wsgi.py' >/dev/null
    waitUntil 60 'the authority answers' acmeAnswers
}

acmeImageIsMade() {
    tail --lines=5 "$results/acme-image" 2>/dev/null || true
    docker image inspect "$acmeImage" --format '{{.Id}}'
}

acmeAnswers() {
    docker logs --tail 5 "$acme" 2>&1
    docker exec "$acme" /acme/bin/python -c 'import urllib.request; print(urllib.request.urlopen("http://localhost/directory").read())'
}

endAcmeServer() {
    docker rm --force "$acme" &>/dev/null || true
    docker network disconnect --force "$acme" "$(container apache2)" &>/dev/null || true
    docker network rm "$acme" &>/dev/null || true
}
