# shellcheck shell=bash
# A real server for mail (aiosmtpd, which the authority's image has), on a network of its own that PHP joins. Needs `relay`.

runRelay() {
    needAcmeImage
    docker network create --internal --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$relay" >/dev/null
    docker run --detach --name "$relay" --network "$relay" --network-alias relay.test \
        --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" --volume "$repo/tests/e2e/lib/relay.py:/relay.py:ro" "$acmeImage" sh -euc '
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /relay.pem -out /certificate.pem \
                -days 30 -subj /CN=relay.test -addext subjectAltName=DNS:relay.test 2>/dev/null
            cat /certificate.pem >>/relay.pem
            exec /acme/bin/python -u /relay.py' >/dev/null
}
