package dist

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// heading is a message in docs/troubleshooting.md.
var heading = regexp.MustCompile("(?m)^### `(.*)`$")

// words are what these commands are made of.
const words = `
export CNB_PLATFORM_API=0.13 LAYERS=layers
mkdir -p app layers buildpacks extensions
place() { d=$(echo "${2%@*}" | tr / _)/${2#*@}; mkdir -p "$1/$d/bin"; echo "$1/$d"; }
script() { printf '#!/bin/sh\nprovide() { printf "[[provides]]\\nname = \\"$1\\"\\n"; }\nrequire() { printf "[[requires]]\\nname = \\"$1\\"\\n"; }\n' > "$1"; cat >> "$1"; chmod +x "$1"; }
buildpack() { d=$(place buildpacks "$1"); printf 'api = "0.10"\n[buildpack]\nid = "%s"\nversion = "%s"\n' "${1%@*}" "${1#*@}" > "$d/buildpack.toml"; echo > "$d/bin/build"; printf 'exec 3>&1 >"$CNB_BUILD_PLAN_PATH"\n%s\n' "$2" | script "$d/bin/detect"; }
composite() { d=$(place buildpacks "$1"); printf 'api = "0.10"\n[buildpack]\nid = "%s"\nversion = "%s"\n[[order]]\n[[order.group]]\nid = "%s"\nversion = "%s"\n' "${1%@*}" "${1#*@}" "${2%@*}" "${2#*@}" > "$d/buildpack.toml"; }
order() {
  echo '[[order]]' > order.toml
  for m in $1; do printf '[[order.group]]\nid = "%s"\nversion = "%s"\n' "${m%@*}" "${m#*@}" >> order.toml; done
  [ -z "${2:-}" ] || printf '[[order-extensions]]\n[[order-extensions.group]]\nid = "%s"\nversion = "%s"\n' "${2%@*}" "${2#*@}" >> order.toml
}
with_extension() {
  d=$(place extensions some/e@1)
  printf 'api = "0.10"\n[extension]\nid = "some/e"\nversion = "1"\n' > "$d/extension.toml"
  printf 'provide x > "$CNB_BUILD_PLAN_PATH"\n' | script "$d/bin/detect"
  printf '%s\n' "$1" | script "$d/bin/generate"
  buildpack some/a@1 'require x'
  order some/a@1 some/e@1
}
detect() { detector -app app -layers layers -order order.toml -buildpacks buildpacks -extensions extensions "$@"; }
`

// TestTroubleshooting: testdata/troubleshooting.txt has messages, and below each of them the commands that bring it about, or the
// scenario that shows it (@name). All messages of docs/troubleshooting.md are there.
func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/troubleshooting.txt")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, entry := range regexp.MustCompile(`(?m)^(\S.*)\n\t(.*)$`).FindAllStringSubmatch(string(text), -1) {
		entries[entry[1]] = entry[2]
	}
	headings := heading.FindAllStringSubmatch(string(page), -1)
	if n := strings.Count(string(page), "\n### "); n == 0 || n != len(headings) {
		t.Errorf("%d of %d headings are messages", len(headings), n)
	}
	for _, h := range headings {
		if entries[h[1]] == "" {
			t.Errorf("no commands bring about %q", h[1])
		}
	}
	for message, how := range entries {
		t.Run(message, func(t *testing.T) { comesAbout(t, message, how) })
	}
}

func comesAbout(t *testing.T, message, how string) {
	s := newWorld(t)
	printed := ""
	if name, scenario := strings.CutPrefix(how, "@"); scenario {
		script, err := os.ReadFile(filepath.Join("../testdata", name))
		s.check(err)
		printed = string(script)
	} else {
		s.lifecycle()
		printed, _ = s.sh(words + how)
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(message), "…", ".*")
	if !regexp.MustCompile(pattern).MatchString(printed) {
		t.Errorf("this message does not come:\n%s", printed)
	}
}
