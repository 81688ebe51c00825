package resolve

import (
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/similar"
)

// lookalikes finds names that look like others among all that stand in some candidates. Sets are made when they are first
// asked, and asked all questions about these candidates, so that what is done has one limit.
type lookalikes struct {
	attempts []Attempt
	// names are those of build plans, words those that the ids of modules are made of.
	names, words *similar.Set
}

// like says how much names of build plans look like the one given; those that do not are left out.
func (l *lookalikes) like(name string) map[string]int {
	if l.names == nil {
		l.names = l.collect(func(m Member, add func(string)) {
			for _, alt := range m.Detection.Alternatives {
				for _, provided := range alt.Provides {
					add(provided)
				}
				for _, r := range alt.Requires {
					add(r.Name)
				}
			}
		})
	}
	return likenesses(l.names.Like(name))
}

// suggests says whether a module's id looks like a name of the build plan: "paketo-buildpacks/node-engine" like "node".
func (l *lookalikes) suggests(id, name string) bool {
	if l.words == nil {
		l.words = l.collect(func(m Member, add func(string)) {
			for _, word := range wordsOf(m.Module.ID) {
				add(word)
			}
		})
	}
	like := likenesses(l.words.Like(name))
	return slices.ContainsFunc(wordsOf(id), func(word string) bool { return word == name || like[word] > 0 })
}

// collect makes a set of what the members of the candidates have, each name once.
func (l *lookalikes) collect(of func(m Member, add func(string))) *similar.Set {
	var names []string
	seen := map[string]bool{}
	for _, a := range l.attempts {
		for _, m := range a.Members {
			of(m, func(name string) {
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			})
		}
	}
	return similar.NewSet(names)
}

func likenesses(matches []similar.Match) map[string]int {
	like := make(map[string]int, len(matches))
	for _, m := range matches {
		like[m.Name] = m.Likeness
	}
	return like
}

// wordsOf is what an id is made of after its namespace, and that as a whole.
func wordsOf(id string) []string {
	_, last, namespaced := strings.Cut(id, "/")
	if !namespaced {
		last = id
	}
	return append(strings.FieldsFunc(last, func(r rune) bool { return strings.ContainsRune("/-_.", r) }), last)
}
