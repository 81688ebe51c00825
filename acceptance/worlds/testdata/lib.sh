# What the bin/detect of the builders' modules are written with. $me is the id of the module.
plan=$CNB_BUILD_PLAN_PATH
alternative=

# provides and requires add names to the build plan; or starts another alternative of it.
provides() { for name; do printf '[[%sprovides]]\nname = "%s"\n' "$alternative" "$name"; done >>"$plan"; }
requires() { for name; do printf '[[%srequires]]\nname = "%s"\n' "$alternative" "$name"; done >>"$plan"; }
or() { printf '[[or]]\n' >>"$plan"; alternative=or.; }

# no and fail say why a module does not take part, the second as an error.
no() { echo "$*"; exit 100; }
fail() { echo "$*" >&2; exit 1; }

# has reports whether one of its arguments is a file: has ./*.go
has() { for file; do if [ -f "$file" ]; then return 0; fi; done; return 1; }

# contains reports whether a file has a text: contains Gemfile puma
contains() {
	[ -f "$1" ] || return 1
	while IFS= read -r line || [ -n "$line" ]; do case $line in *"$2"*) return 0 ;; esac; done <"$1"
	return 1
}

# settings prints a table of so many variables that a module reads.
settings() {
	echo "Build Configuration:"
	n=0
	while [ $n -lt "$1" ]; do n=$((n + 1)); echo "  \$TW_SETTING_$n  pom.xml target/*.jar package.json  what setting $n of the build is, see settings.yml"; done
}
