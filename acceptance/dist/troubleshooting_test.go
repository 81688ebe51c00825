package dist

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// heading is a message in docs/troubleshooting.md, and the comment below it that says how to bring it about, or which
// acceptance script does.
var heading = regexp.MustCompile("(?m)^### `(.*)`\n(?:<!-- (sh: |shown by )(.*) -->)?")

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

func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(string(text), "\n### "), len(heading.FindAllString(string(text), -1)); got != want {
		t.Errorf("%d of %d headings are messages", want, got)
	}
	for _, entry := range heading.FindAllStringSubmatch(string(text), -1) {
		message, how, what := entry[1], entry[2], entry[3]
		t.Run(message, func(t *testing.T) {
			printed := ""
			switch how {
			case "sh: ":
				s := newSandbox(t)
				s.lifecycle()
				printed, _ = s.sh(words + what)
			case "shown by ":
				script, err := os.ReadFile(filepath.Join("../testdata", what))
				s := sandbox{t, ""}
				s.check(err)
				printed = string(script)
			default:
				t.Fatal("nothing says how this message comes about")
			}
			pattern := strings.ReplaceAll(regexp.QuoteMeta(message), "…", ".*")
			if !regexp.MustCompile(pattern).MatchString(printed) {
				t.Errorf("this message does not come:\n%s", printed)
			}
		})
	}
}
