#!/bin/sh
# need.sh <command>...: makes sure that the Debian packages with these commands are installed. As root on Debian or Ubuntu
# it installs what is missing; elsewhere it says what to install and fails.
set -eu

# there succeeds if a command is installed. A busybox only counts if it is static: it is put into images without libraries.
there() {
  path=$(command -v "$1" 2>/dev/null) || return 1
  [ "$1" != busybox ] || LC_ALL=C ldd "$path" 2>&1 | grep -Eiq 'not a (valid )?dynamic|statically linked'
}

missing=""
for command in "$@"; do
  ! there "$command" || continue
  case "$command" in
    busybox) missing="$missing busybox-static" ;;
    docker | dockerd) missing="$missing docker.io" ;;
    chromedriver) missing="$missing chromium-driver" ;;
    gcc) missing="$missing gcc libc6-dev" ;; # gcc only recommends the second, but nothing links without it
    *) missing="$missing $command" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "missing:$missing - please install (on Debian or Ubuntu: apt-get install$missing)" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
apt-get install -y -qq --no-install-recommends $missing >/dev/null
