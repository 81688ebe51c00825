#!/bin/sh
# fuzz.sh <time>: runs every fuzz target of the repository for that long.
set -eu
time=$1
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do
  grep -h '^func Fuzz' "$package"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/' | while read -r target; do
    echo "$package $target"
    (cd "$package" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 3s .)
  done
done
