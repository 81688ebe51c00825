package explain

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// known is what is known of all candidates that failed: which modules there are and what their build plans mention.
type known struct {
	// members are all modules, each once.
	members []resolve.Member
	// mentioning are, by role and name, the modules whose build plan mentions it.
	mentioning [2]map[string][]resolve.Member
	// names are those of build plans, words those that the ids of modules are made of. They are made when they are first
	// asked, and asked all questions, so that what is done has one limit.
	names, words *similar.Set
}

func newKnown(attempts []resolve.Attempt) *known {
	k := &known{mentioning: [2]map[string][]resolve.Member{{}, {}}}
	seen := map[buildpack.Ref]bool{}
	for _, a := range attempts {
		for _, m := range a.Members {
			if !seen[m.Module.Ref] {
				seen[m.Module.Ref] = true
				k.members = append(k.members, m)
				k.listen(m)
			}
		}
	}
	return k
}

// listen notes what the build plan of a module mentions.
func (k *known) listen(m resolve.Member) {
	if !m.Passed() {
		return
	}
	add := func(as side, name string) {
		speakers := k.mentioning[as][name]
		if n := len(speakers); n == 0 || speakers[n-1].Module.Ref != m.Module.Ref {
			k.mentioning[as][name] = append(speakers, m)
		}
	}
	for _, alt := range m.Detection.Alternatives {
		for _, name := range alt.Provides {
			add(provides, name)
		}
		for _, r := range alt.Requires {
			add(required, r.Name)
		}
	}
}

// complete adds to facts about names that no module of the candidate mentions the modules that do elsewhere.
func (k *known) complete(facts []Fact) {
	for i := range facts {
		f := &facts[i]
		k.complete(f.Because)
		if len(f.Names) != 1 || f.has(Misplaced, DroppedOut, Bound, Undetected) {
			continue
		}
		for _, m := range k.mentioning[f.wanted()][f.Names[0]] {
			if m.Module.Ref != f.Module {
				f.Others = append(f.Others, Other{Member: m, Fate: Elsewhere})
				f.Near = nil // the name is right
			}
		}
	}
}

// like says how much names of build plans look like the one given; those that do not are left out.
func (k *known) like(name string) map[string]int {
	if k.names == nil {
		var names []string
		for _, m := range k.members {
			for _, alt := range m.Detection.Alternatives {
				names = append(names, alt.Provides...)
				for _, r := range alt.Requires {
					names = append(names, r.Name)
				}
			}
		}
		k.names = setOf(names)
	}
	return likenesses(k.names.Like(name))
}

// suggests says whether a module's id looks like a name of the build plan: "samples/node-engine" like "node".
func (k *known) suggests(id, name string) bool {
	if k.words == nil {
		var words []string
		for _, m := range k.members {
			words = append(words, wordsOf(m.Module.ID)...)
		}
		k.words = setOf(words)
	}
	like := likenesses(k.words.Like(name))
	return slices.ContainsFunc(wordsOf(id), func(word string) bool { return word == name || like[word] > 0 })
}

// setOf is a set of names, each once.
func setOf(names []string) *similar.Set {
	seen := map[string]bool{}
	return similar.NewSet(slices.DeleteFunc(names, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	}))
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

// printsPlan says whether what a module printed looks like a build plan, which belongs into a file.
func printsPlan(output []byte) bool { return planHeader.Match(output) }

var planHeader = regexp.MustCompile(`(?m)^\s*\[\[\s*(or\.)?(provides|requires)\s*\]\]`)
