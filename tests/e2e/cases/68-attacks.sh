# shellcheck shell=bash
# Somebody has taken a container over and tries what else can be got from there: by subjects, in tests/e2e/attacks. A case
# fails when the attack succeeds. The payloads are markers that harm nobody.

for attacks in "$repo"/tests/e2e/attacks/*.sh; do
    # shellcheck source=/dev/null
    source "$attacks"
done
