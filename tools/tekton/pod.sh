#!/bin/bash
# pod.sh <work> <read-only root: true or false> <setpriv option>... -- <volume:path>... -- <command>...: runs a command like a
# container of a pod: with this machine's programs, a root file system of its own, and the volumes that are given.
set -eu
root=$1/root readonly=$2
shift 2
options=()
while [ "$1" != -- ]; do options+=("$1"); shift; done
shift
mkdir -p "$root"
mount -t tmpfs tmpfs "$root"
for dir in bin sbin lib lib32 lib64 libx32 usr dev proc sys; do
  if [ -L "/$dir" ]; then
    cp -P "/$dir" "$root/$dir"
  elif [ -d "/$dir" ]; then
    mkdir "$root/$dir"
    mount --rbind "/$dir" "$root/$dir"
  fi
done
mount -o remount,bind,ro "$root/usr" 2>/dev/null || true
mkdir -p "$root/tmp" "$root/var/tmp" "$root/run" "$root/.old"
chmod 1777 "$root/tmp" "$root/var/tmp"
while [ "$1" != -- ]; do
  mkdir -p "$root${1#*:}"
  mount --rbind "${1%%:*}" "$root${1#*:}"
  shift
done
shift
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
[ "$readonly" != true ] || mount -o remount,ro /
exec setpriv "${options[@]}" --no-new-privs -- "$@"
