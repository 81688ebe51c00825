#!/bin/sh
# entry <command> [argument...]: a container's first process. Runs the command, hands termination on to it, ends it by
# force when ENTRY_GRACE_SECONDS have passed, and exits as it did.
set -u

if [ $# -eq 0 ]; then
  echo "usage: entry <command> [argument...]" >&2
  exit 64
fi

grace=${ENTRY_GRACE_SECONDS:-10}
interrupted=no
watchdog=

# The command is started in the background, where a shell makes it deaf to INT: every signal is handed on as TERM.
# shellcheck disable=SC2317,SC2329 # trap calls it
stop() {
  interrupted=yes
  kill -s TERM "$child" 2>/dev/null
  if [ -z "$watchdog" ]; then
    (sleep "$grace" && kill -s KILL "$child" 2>/dev/null) &
    watchdog=$!
  fi
}

# In the background the command would read from nothing, so its input takes a detour.
exec 3<&0
"$@" <&3 3<&- &
child=$!
exec 3<&-
trap stop TERM INT HUP

# A signal ends wait early, with the signal's status instead of the command's: then wait again, if there still is
# something to wait for.
while :; do
  wait "$child"
  status=$?
  if [ "$interrupted" = no ] || ! kill -0 "$child" 2>/dev/null; then
    break
  fi
  interrupted=no
done

[ -z "$watchdog" ] || kill "$watchdog" 2>/dev/null
exit "$status"
