package baseline

import (
	"path"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// Want is the name of a file, or a pattern of names, that a module speaks of.
type Want struct {
	Name string
	By   buildpack.Ref
}

// IsPattern reports whether the name is a pattern such as *.php.
func (w Want) IsPattern() bool { return strings.ContainsAny(w.Name, "*?[") }

// Wants are the names of files in what a module printed, each once.
func Wants(by buildpack.Ref, output []byte, app string) []Want {
	var all []Want
	for _, line := range Lines(output) {
		if strings.HasPrefix(line, "$") { // a row of a table of variables, which says nothing of what is missing
			continue
		}
		for _, word := range strings.Fields(strings.ReplaceAll(line, app+"/", "")) {
			w := Want{fileName(word), by}
			if w.Name != "" && !slices.Contains(all, w) && len(all) < mostWants {
				all = append(all, w)
			}
		}
	}
	return all
}

// mostWants is how many names of one module are looked up.
const mostWants = 40

var (
	quotes = strings.NewReplacer("'", " ", "\"", " ", "`", " ", "(", " ", ")", " ", "[", " [", ",", " ", ";", " ")
	// dotted is a name with an ending, perhaps in a directory, perhaps a pattern: package.json, app/*.rb, deps.edn.
	dotted = tidy.Pattern(`^(?:[\w*.-]+/)*[\w*-][\w*.-]*\.(?:[A-Za-z][A-Za-z0-9]{0,14}|\[[a-z]+\][a-z]+)$`)
	// bare is a name like Gemfile or Procfile.
	bare = tidy.Pattern(`^[A-Z][a-z]{2,10}file$`)
)

// fileName is the name of a file that a word is; empty if it is none. An absolute path is none: it leads out of the app.
func fileName(word string) string {
	fields := strings.Fields(quotes.Replace(word))
	if len(fields) != 1 {
		return ""
	}
	name := strings.TrimPrefix(strings.TrimRight(fields[0], ".:!"), "./")
	if strings.HasPrefix(name, "/") || !dotted().MatchString(name) && !bare().MatchString(name) {
		return ""
	}
	return path.Clean(name)
}
