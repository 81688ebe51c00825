#!/bin/sh
# Runs in the image: adds the certificates beside it to those that the system trusts.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bundle=/etc/ssl/certs/ca-certificates.crt

mkdir -p /usr/local/share/ca-certificates /etc/ssl/certs
touch "$bundle"
for pem in "$here"/*.pem; do
  name=$(basename "$pem" .pem)
  cp "$pem" "/usr/local/share/ca-certificates/$name.crt"
  grep -q "^# $name\$" "$bundle" || { echo "# $name" && cat "$pem"; } >> "$bundle"
done

# Where the distribution has a tool for it, that one has the last word.
if command -v update-ca-certificates >/dev/null 2>&1; then
  update-ca-certificates
fi
