# shellcheck shell=bash
# What the repo's files say about one another, where that can be checked by reading: a promise that is written down in
# one file and broken in another is found here and not by a user.
# Each check prints every offence, and fails when there was one.

# Reads offences, says them, and fails when there are any.
noOffences() { # WHAT
    local -a offences
    mapfile -t offences
    if ((${#offences[@]} == 0)); then return; fi
    printf '%s:\n' "$1"
    printf '  %s\n' "${offences[@]}"
    return 1
}

# In Markdown: [text](relative/path), with or without #anchor.
docsLinksLead() {
    local page target
    while IFS= read -r page; do
        { grep --only-matching --perl-regexp '\]\(\K[^)\s]+' "$page" || true; } | while IFS= read -r target; do
            target=${target%%#*}
            if [[ -z $target || $target == *:* || -e $(dirname -- "$page")/$target ]]; then continue; fi
            printf '%s: %s\n' "$page" "$target"
        done
    done < <(sourceFiles '*.md') | noOffences 'links that lead nowhere'
}

# `bin/up` in a page or a comment is a command that exists.
docsCommandsExist() {
    local page command
    while IFS= read -r page; do
        { grep --only-matching --perl-regexp '`\Kbin/[a-z0-9/-]+' "$page" || true; } | while IFS= read -r command; do
            [[ -x $command ]] || printf '%s: %s\n' "$page" "$command"
        done
    done < <(sourceFiles '*.md' .env.example docker-compose.yaml) | noOffences 'commands that do not exist'
}

# `lamplighter status` in a page, or behind the prompt of a transcript, is a subcommand that exists.
docsSubcommandsExist() {
    local page command known
    known=$(sed --quiet '/^pub enum Command {/,/^}/s/^    \([A-Z][a-z]*\)[(,].*/\L\1/p' src/cli.rs)
    while IFS= read -r page; do
        { grep --only-matching --perl-regexp '(^\$ |`)(sudo |target-sbin/)?lamplighter \K[a-z]+' "$page" || true; } |
            while IFS= read -r command; do
                grep --quiet --line-regexp -- "$command" <<<"$known" || printf '%s: lamplighter %s\n' "$page" "$command"
            done
    done < <(sourceFiles '*.md' docs/status-watch.txt) | noOffences 'subcommands that do not exist'
}

# .env.example explains every variable of the compose file, and has none that nobody reads.
settingsAreExplained() {
    local known used
    known=$(grep --only-matching '^[A-Z_][A-Z_0-9]*' .env.example | grep . | sort --unique)
    used=$(grep --only-matching --perl-regexp '\$\{\K[A-Z_0-9]+' docker-compose.yaml | sort --unique)
    comm -13 <(printf '%s\n' "$known") <(printf '%s\n' "$used") |
        noOffences 'variables of docker-compose.yaml that .env.example does not explain'
    comm -23 <(printf '%s\n' "$known") <(printf '%s\n' "$used") | while IFS= read -r name; do
        grep --quiet --recursive --word-regexp -- "$name" bin || printf '%s\n' "$name"
    done | noOffences 'settings of .env.example that nothing reads'
}

# Every line of the schedule asks for a callback that its service has.
scheduleAsksForWhatThereIs() {
    local service action callbacks
    while read -r service action; do
        callbacks="service/$service/bin/docker-callbacks.sh"
        if ! grep --quiet "^CB_${action//-/_}()" "$callbacks" 2>/dev/null; then printf '%s %s\n' "$service" "$action"; fi
    done < <(sed --quiet --regexp-extended '/^\s*(#|$|[A-Z_]+=)/!p' service/scheduler/conf/schedule.cron |
        awk '{ print $(NF - 1), $NF }') | noOffences 'lines of schedule.cron without a callback'
}

# The classic builder knows no heredocs and no mount options.
dockerfileIsClassic() {
    { grep --line-number --extended-regexp '^(RUN|COPY)[^#]*<<|^RUN +--' Dockerfile || true; } |
        noOffences 'lines of the Dockerfile for BuildKit only'
}

# Whoever reads a container's data or secrets reads them from files that git never sees.
secretsStayOut() {
    local path
    for path in .env .secrets/redis-password data/run target-sbin/lamplighter local/service/php docker-compose.override.yaml; do
        git check-ignore --quiet "$path" || printf '%s\n' "$path"
    done | noOffences 'paths that git does not ignore'
}

# Each line that names a case of the end-to-end tests has the sentence of one.
securityNamesCases() {
    local sentence cases
    cases=$(sourceFiles 'tests/e2e/*.sh' | xargs -d '\n' sed --quiet --regexp-extended "s/^(testCase|slowCase|rareCase) (['\"])(.*)\\2 [A-Za-z].*/\\3/p")
    # shellcheck disable=SC2016 # backticks that are meant as such
    { grep --only-matching --perl-regexp '^- `\K[^`]+(?=`$)' docs/SECURITY.md || true; } | while IFS= read -r sentence; do
        grep --quiet --line-regexp --fixed-strings -- "$sentence" <<<"$cases" || printf '%s\n' "$sentence"
    done | noOffences 'cases of docs/SECURITY.md that there are not'
    # The other way round, those that attack.
    { grep '^attack: ' <<<"$cases" || true; } | while IFS= read -r sentence; do
        grep --quiet --fixed-strings -- "- \`$sentence\`" docs/SECURITY.md || printf '%s\n' "$sentence"
    done | noOffences 'attacks that docs/SECURITY.md does not name'
}

# Benchmarks are run by hand, seldom: what they change in the stack's files is to be found there still.
benchmarksFit() {
    if ! type -P python3 >/dev/null; then needPackages 'there is no python3' python3; fi
    python3 -B benches/site/check.py
}
