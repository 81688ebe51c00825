#!/bin/sh
# Runs in the image: install.sh <build id> <package>... Copies the files of the bundled packages and lists all of them
# in /etc/system-packages. The ones that are not bundled are only listed; with a network, apt-get would fetch them here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
manifest=/etc/system-packages
build_id=$1
shift

mkdir -p /etc
echo "# build $build_id" > "$manifest"
for name in "$@"; do
  if [ -d "$here/bundle/$name" ]; then
    cp -R "$here/bundle/$name/." /
    echo "$name bundled" >> "$manifest"
  else
    echo "$name listed" >> "$manifest"
  fi
done
