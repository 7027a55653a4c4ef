# shellcheck shell=bash
# The request socket: bad input is refused with a reason, and the next request works.

# Answer by answer, on one connection; then a request on the next one.
isRefused() { # PATTERN < INPUT
    local answer
    answer=$(ask php)
    expectMatch 'the answer' "^refused $1" "$answer"
    expectEqual 'the answers' 1 "$(wc --lines <<<"$answer")"
    runAction php forum task-check
}

unknownAction() {
    isRefused 'unknown-action: .*explode' <<<'forum explode'
}

unknownUserForm() {
    local user
    for user in Forum ../forum -1 4294967295 'for;um' "$(printf 'x%.0s' {1..33})"; do
        isRefused 'syntax: ' <<<"$user task-check"
    done
}

wrongNumberOfWords() {
    isRefused 'syntax: ' <<<'task-check'
    isRefused 'syntax: ' <<<'forum task-check now'
}

floodWithoutNewline() {
    isRefused 'too-long: ' < <(head --bytes=1048576 /dev/zero | tr '\0' x)
}

notUtf8() {
    isRefused 'syntax: .*UTF-8' < <(printf 'forum task-\xff\xfecheck\n')
}

manyLinesOneConnection() {
    local answers
    answers=$(printf 'forum explode\n\nforum task-check\n{"op":"ping"}\nforum task-check' | ask php)
    expectEqual 'the answers' 4 "$(wc --lines <<<"$answers")"
    expectMatch 'the answers' $'^refused unknown-action[^\n]*\naccepted [^\n]*\n\\{[^\n]*\naccepted ' "$answers"
}

jsonPing() {
    local answer
    for service in mysql redis php apache2 backup; do
        answer=$(ask "$service" <<<'{"op":"ping"}')
        expectEqual "whether $service answers well" true "$(jq .ok <<<"$answer")"
    done
}

jsonNonsense() {
    local answer
    answer=$(ask php <<<'{"op":"explode"}')
    expectEqual 'the answer' 'false "syntax"' "$(jq --raw-output '"\(.ok) \(.code | tojson)"' <<<"$answer")"
    runAction php forum task-check
}

# Somebody who connects, begins a line and says no more.
slowSenderDelaysNobody() {
    local began sender
    exec {sender}> >(ask php)
    printf 'forum ' >&"$sender"
    began=$EPOCHREALTIME
    request php forum task-check
    expectBelow 'a request beside a silent sender' 1 "$(secondsSince "$began")"
    exec {sender}>&-
}

testCase 'an unknown action is refused, and the next request works' unknownAction
testCase 'an unknown form of user is refused, and the next request works' unknownUserForm
testCase 'a word too few or too many is refused, and the next request works' wrongNumberOfWords
testCase '1 MiB without a newline is refused, and the next request works' floodWithoutNewline
testCase 'bytes that are not UTF-8 are refused, and the next request works' notUtf8
testCase 'several lines on one connection are each answered, the last at the end of input' manyLinesOneConnection
testCase 'a ping in JSON is answered by every service' jsonPing
testCase 'an unknown call in JSON is refused, and the next request works' jsonNonsense
testCase 'a silent sender delays nobody' slowSenderDelaysNobody
