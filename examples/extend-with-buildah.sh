#!/bin/sh
# extend-with-buildah.sh build|run <layers> <app> <name>: applies the Dockerfiles that <layers>/generated.toml lists for
# the build image or the run image, in their order, and gives the image that comes out a name.
set -eu
[ $# -eq 4 ] || { echo "usage: $0 build|run <layers> <app> <name>" >&2; exit 2; }
kind=$1 layers=$2 app=$3 name=$4 image="" applied="" all=true
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# generated.toml as calls of functions: "base <image>", then for each Dockerfile that has something to apply "apply <path>
# <digest> <context> <from> <option>...". Its strings, a line each and in double quotes, are quoted anew for the shell.
calls() {
  awk -v kind="$kind" '
    function text(  s, c, out) { # the string of this line
      s = $0; sub(/^[^"]*"/, "", s); sub(/"[^"]*$/, "", s)
      for (; s != ""; s = substr(s, 2)) {
        c = substr(s, 1, 1)
        if (c == "\\") { s = substr(s, 2); c = substr(s, 1, 1); c = c == "n" ? "\n" : c == "t" ? "\t" : c ~ /["\\]/ ? c : no() }
        out = out (c == q ? q "\\" q q : c)
      }
      return q out q
    }
    function no() { print "cannot read: " $0 >"/dev/stderr"; exit 1 }
    function say() {
      if (of["kind"] == q kind q && of["instructions"] > 0)
        print "apply", of["path"], of["digest"], of["context"] q q, of["from"] q q, args
      split("", of); args = ""
    }
    BEGIN { q = "\047" }
    $1 ~ /^\[/ { if ($1 == "[[dockerfiles]]") say(); table = $1 }
    table == "[" kind "-image]" && $1 ~ /^(image|reference)$/ { print "base", text() }
    table == "[[dockerfiles]]" && $2 == "=" { of[$1] = $1 == "instructions" ? $3 : text() }
    table == "[[dockerfiles.args]]" && $1 == "name" { args = args " --build-arg " text() }
    table == "[[dockerfiles.args]]" && $1 == "value" { args = args "=" text() }
    END { say() }' "$layers/generated.toml"
}

base() { # from an OCI layout, <path>@<digest>, or else from where buildah finds it
  case $1 in
    /*) image=$(buildah pull -q "oci:${1%@*}") ;;
    *) image=$(buildah pull -q --policy missing "$1") ;;
  esac
}

inspect() { buildah inspect --type image --format "{{$1}}" "$image"; }

user() { # of $image, as $user_id and $group_id; where it names no group, that of its /etc/passwd
  user_id=$(inspect .OCIv1.Config.User)
  user_id=${user_id:-0} group_id=${user_id#*:}
  [ "$group_id" = "$user_id" ] || { user_id=${user_id%%:*}; return 0; }
  container=$(buildah from --pull=false "$image")
  root=$(buildah mount "$container")
  group_id=$(awk -F : -v u="$user_id" '$1 == u || $3 == u { print $4; exit }' "$root/etc/passwd" || :)
  group_id=${group_id:-0}
  buildah rm "$container" >/dev/null
}

rebasable() { [ "$(inspect 'index .OCIv1.Config.Labels "io.buildpacks.rebasable"')" = true ] && echo true || echo false; }

label() { # $image, saying whether it is rebasable: as it is, or with the label on top
  [ "$(rebasable)" != "$1" ] || return 0
  printf 'FROM %s\nLABEL io.buildpacks.rebasable=%s\n' "$image" "$1" >"$tmp/Dockerfile"
  buildah bud -q --pull=false --layers --iidfile "$tmp/id" -f "$tmp/Dockerfile" "$tmp" >/dev/null
  image=$(cat "$tmp/id")
}

apply() {
  file=$layers/generated/$1 context=${3:+$layers/generated/$3} from=$4
  echo "${2#sha256:}  $file" | sha256sum -c --status || { echo "$file is not what was generated" >&2; exit 1; }
  shift 4
  user
  label false # so that it is this Dockerfile that says true, if any does
  buildah bud --pull=false --iidfile "$tmp/id" -f "$file" ${from:+--from "$image"} --build-arg "base_image=$image" \
    --build-arg "build_id=$(cat /proc/sys/kernel/random/uuid)" --build-arg "user_id=$user_id" \
    --build-arg "group_id=$group_id" "$@" "${context:-$app}"
  image=$(cat "$tmp/id")
  applied=yes
  [ "$(rebasable)" = true ] || all=false
}

calls=$(calls)
eval "$calls"
[ -n "$image" ] || { echo "$layers/generated.toml does not say what the $kind image is" >&2; exit 1; }
[ -z "$applied" ] || label "$all"
user
case $kind:$user_id in run:0 | run:root) echo "the run image's user would be root" >&2; exit 1 ;; esac
buildah tag "$image" "$name"
echo "$name: $image, user $user_id:$group_id, rebasable: $(rebasable)"
