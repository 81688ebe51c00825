package explain

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// AdviceKind is something that the author of the builder can do.
type AdviceKind string

const (
	// Move: put Provider before Requirers in the order.
	Move AdviceKind = "move"
	// Rename: Provider provides Provided, and Requirers require the name: one of them is misspelt.
	Rename AdviceKind = "rename"
	// Add: no module of the order provides the names, which Requirers require.
	Add AdviceKind = "add"
)

// Advice is what the author of the builder can do. There is none unless every required module of the closest group
// passed, and nothing that an app developer reads could be done about the app instead.
type Advice struct {
	Kind AdviceKind
	// Names are required by Requirers.
	Names     []string
	Requirers []buildpack.Ref
	Provider  buildpack.Ref
	Provided  string
	// Unsure is true if some module did not pass detection, so that its build plan is not known.
	Unsure bool
}

// advice is what the facts of a failure suggest, each thing once.
func (k *known) advice(f Failure) []Advice {
	var all []Advice
	var visit func([]Fact)
	visit = func(facts []Fact) {
		for _, fact := range facts {
			for _, a := range k.adviceOn(fact) {
				all = addAdvice(all, a)
			}
			visit(fact.Because)
		}
	}
	visit(f.Facts)
	return all
}

// addAdvice adds a piece of advice, or its requirers to one about the same thing, or its names to one about the same
// requirers.
func addAdvice(all []Advice, a Advice) []Advice {
	for i := range all {
		b := &all[i]
		same := a.Kind == b.Kind && a.Provider == b.Provider && a.Provided == b.Provided
		switch {
		case same && (a.Kind == Move || slices.Equal(a.Names, b.Names)):
			for _, ref := range a.Requirers {
				b.Requirers = appendNew(b.Requirers, ref)
			}
			return all
		case same && a.Kind == Add && slices.Equal(a.Requirers, b.Requirers):
			b.Names = append(b.Names, a.Names...)
			return all
		}
	}
	return append(all, a)
}

// adviceOn is what one fact suggests. Of modules that did not pass or drop out, what has to be done is said otherwise.
func (k *known) adviceOn(f Fact) []Advice {
	switch {
	case f.Kind != Unprovided && f.Kind != Unrequired || f.has(DroppedOut, Bound, Undetected, Presumed):
		return nil
	case f.has(Misplaced):
		other := f.others(Misplaced)[0].Module.Ref
		if f.Kind == Unrequired {
			return []Advice{{Kind: Move, Provider: f.Module, Requirers: []buildpack.Ref{other}}}
		}
		return []Advice{{Kind: Move, Provider: other, Requirers: []buildpack.Ref{f.Module}}}
	case f.Near != nil && f.Kind == Unrequired:
		return []Advice{{Kind: Rename, Names: []string{f.Near.Name}, Requirers: []buildpack.Ref{f.Near.Module}, Provider: f.Module, Provided: f.Names[0]}}
	case f.Near != nil:
		return []Advice{{Kind: Rename, Names: f.Names, Requirers: []buildpack.Ref{f.Module}, Provider: f.Near.Module, Provided: f.Near.Name}}
	case f.Kind == Unprovided && !slices.ContainsFunc(f.others(Possible), isExtension):
		return k.additions(f)
	}
	return nil
}

// additions are the names of a fact that no module of the order provides, as far as is known.
func (k *known) additions(f Fact) []Advice {
	var names []string
	for _, name := range f.Names {
		if len(k.mentioning[provides][name]) == 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	unsure := slices.ContainsFunc(k.members, func(m resolve.Member) bool { return !m.Passed() })
	return []Advice{{Kind: Add, Names: names, Requirers: []buildpack.Ref{f.Module}, Unsure: unsure}}
}

func isExtension(m resolve.Member) bool { return m.Module.IsExtension() }
