#!/bin/bash
# A lamp, as a daemon: it burns until it is told to go out.
sleep infinity &
flame=$!
trap 'echo "the lamp goes out"; kill "$flame"; exit 0' TERM
trap 'echo "the flame flickers, and burns brighter"' USR1
echo 'the lamp burns'
while kill -0 "$flame" 2>/dev/null; do wait "$flame"; done
