#!/bin/sh
# Runs detector -skip-generate and then generator on the examples, as a user without privileges, and shows what a person
# wants to see. Needs bin/ (make build); `make demo` does both.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = "" ]; then
  # A copy of our own: the examples stay as they are, and a user without privileges can read and write it.
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  trap 'exit 130' INT TERM
  mkdir "$copy/layers"
  cp -R "$top/bin" "$top/examples" "$copy/"
  cp "$top/examples/analyzed.toml" "$copy/layers/"
  chmod -R u+rwX,go+rX "$copy"
  as=""
  if [ "$(id -u)" -eq 0 ]; then
    chown -R nobody "$copy"
    as="setpriv --reuid nobody --regid nogroup --clear-groups"
    setpriv --regid nogroup --clear-groups true 2>/dev/null || as="setpriv --reuid nobody --regid nobody --clear-groups"
  fi
  # shellcheck disable=SC2086 # a command and its arguments
  $as sh "$copy/examples/demo.sh" "$copy"
  exit
fi

cd "$1"
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') green=$(printf '\033[32m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
  bold="" green="" dim="" plain=""
fi

title() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }

run() {
  printf '%s$ CNB_PLATFORM_API=0.13 %s%s\n' "$dim" "$*" "$plain"
  PATH="$PWD/bin:$PATH" CNB_PLATFORM_API=0.13 "$@"
}

# groups <table> <file>: the groups of an order, a line each.
groups() {
  awk -v table="$1" '
    function value(line) { sub(/^[^"]*"/, "", line); sub(/".*/, "", line); return line }
    function say() { if (n) printf "  %d.%s\n", n, line }
    $0 ~ "^\\[\\[" table "\\]\\]" { say(); n++; line = ""; within = 1; next }
    /^\[/ { within = 0 }
    within && $1 == "id" { line = line " " value($0) }
    within && $1 == "version" { line = line "@" value($0) }
    within && $1 == "optional" && $3 == "true" { line = line "?" }
    END { say() }' "$2"
}

title "The order: each group of buildpacks is tried with each group of extensions, and last with none"
echo "extensions:"
groups order-extensions examples/order.toml
echo "buildpacks (? is optional; samples/nodejs is a composite with a group for yarn and one for npm):"
groups order examples/order.toml

title "Detection: which modules take part?"
run detector -skip-generate -app examples/app -order examples/order.toml \
  -buildpacks examples/buildpacks -extensions examples/extensions \
  -platform examples/platform -build-config examples/build-config -layers layers

title "The build plan: who provides what to whom (layers/plan.toml)"
awk '
  function value(line) { sub(/^[^"]*"/, "", line); sub(/".*/, "", line); return line }
  function say() { if (name != "") printf "  %-16s provided by %s%s\n", name, providers, (times > 1 ? ", required " times " times" : "") }
  /^\[\[entries\]\]/ { say(); name = providers = ""; times = 0 }
  /\[\[entries.providers\]\]/ { part = "providers" }
  /\[\[entries.requires\]\]/ { part = "requires"; times++ }
  /metadata/ { part = "metadata" }
  part == "providers" && $1 == "id" { providers = providers (providers == "" ? "" : ", ") value($0) }
  part == "requires" && $1 == "name" { name = value($0) }
  END { say() }' layers/plan.toml

title "Generation: what the extensions say"
run generator -app examples/app -extensions examples/extensions -run examples/run.toml \
  -platform examples/platform -build-config examples/build-config -layers layers

awk '
  function value(line) { sub(/^[^"]*"/, "", line); sub(/".*/, "", line); return line }
  /^\[\[(dockerfiles|ignored)\]\]/ { table = $0; extension = "" }
  $1 == "extension" { extension = value($0) }
  $1 == "path" { print value($0), extension, table }' layers/generated.toml |
  while read -r path extension table; do
    note=""
    [ "$table" = "[[dockerfiles]]" ] || note=" - ignored: a later extension switches the run image"
    title "$extension: generated/$path$note"
    cat "layers/generated/$path"
  done

title "The run image (layers/analyzed.toml)"
awk '/^\[/ { within = $0 ~ /^\[run-image/ } within' layers/analyzed.toml
switched=$(awk -F '"' '/switched-by/ { print $2 }' layers/generated.toml)
[ -z "$switched" ] || printf '%sswitched by %s%s\n' "$green" "$switched" "$plain"
