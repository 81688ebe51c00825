#!/bin/sh
# Lists the shell scripts of the repository: by their first line, whatever their name.
set -eu
git ls-files -z | xargs -0 awk 'FNR == 1 && /^#!.*[\/ ](ba|da)?sh( |$)/ { print FILENAME } FNR == 1 { nextfile }'
