# What bin/detect of the modules below is written with. A real builder's modules share a library, too.
# shellcheck shell=sh

set -e
plan=${CNB_BUILD_PLAN_PATH:-$2}
alternative=

# provides and requires add names to the build plan; or starts another alternative of it.
provides() {
	for name; do printf '[[%sprovides]]\nname = "%s"\n\n' "$alternative" "$name"; done >>"$plan"
}

requires() {
	for name; do printf '[[%srequires]]\nname = "%s"\n[%srequires.metadata]\nbuild = true\n\n' "$alternative" "$name" "$alternative"; done >>"$plan"
}

or() {
	printf '[[or]]\n\n' >>"$plan"
	alternative=or.
}

# opt_out says why this module is not for the app, and fail does what it says, as an error.
opt_out() {
	echo "$*"
	exit 100
}

fail() {
	echo "$*" >&2
	exit 1
}

# any says whether one of its arguments exists: any ./*.go
any() {
	for file; do [ -e "$file" ] && return; done
	return 1
}

# contains says whether a file exists and has a line with a text: contains Gemfile puma
contains() {
	[ -f "$1" ] && grep -q -e "$2" "$1"
}

# valid_json demands no more than that a file ends as an object does: enough for the half of a merge that somebody left.
valid_json() {
	case $(tr -d '[:space:]' <"$1") in *'<<<<<<<'* | *',}'* | *[!'}']) return 1 ;; esac
}

# settings prints what a module can be configured with: each argument is "name|default|help".
settings() {
	echo '  Build Configuration:'
	for setting; do
		rest=${setting#*|}
		printf '    $%-30s %-22s %s\n' "${setting%%|*}" "${rest%%|*}" "${rest#*|}"
	done
}
