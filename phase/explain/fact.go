package explain

import (
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// Kind tells what a Fact says.
type Kind string

const (
	// Unprovided: Module requires Names, and no module that counts provides them.
	Unprovided Kind = "unprovided"
	// Unrequired: Module provides Names, and no module that counts requires them.
	Unrequired Kind = "unrequired"
	// NoAlternative: none of the Alternatives of Module is possible, each Because of something.
	NoAlternative Kind = "no alternative"
	// NoBuildpack: no buildpack of the candidate is left, Because of what is wrong with those that passed. With nothing in
	// Because none passed.
	NoBuildpack Kind = "no buildpack"
	// Incompatible: no choice of alternatives suits all of the modules that the Offers in Because mention.
	Incompatible Kind = "incompatible"
	// Offer: what the Alternatives of Module say, as far as it matters to the fact around it.
	Offer Kind = "offer"
)

// Fact is one reason why a build plan does not work out: a chain – in general a tree – from a module that cannot take part
// to the culprits. Which fields are set depends on Kind.
type Fact struct {
	Kind   Kind
	Module buildpack.Ref
	// Optional is true if Module is free to drop out, so that this alone fails no candidate.
	Optional bool
	// Names are dependencies of the build plan; more than one if the same is to be said of each.
	Names []string
	// Others mention the names as well, in the role that is wanted, but do not count.
	Others []Other
	// Near is a module that mentions a similar name in the role that is wanted, when none mentions the name itself.
	Near *Near
	// Loose are modules of the candidate with what they offer in the role that is wanted and no module takes, when none
	// mentions the name or of a similar one.
	Loose []Loose
	// Alternatives of Module's build plan.
	Alternatives []buildpack.Alternative
	// Because are the next links of the chain.
	Because []Fact
}

// Other is a module that does not count although it mentions a name, or could.
type Other struct {
	Member resolve.Member
	Fate   Fate
}

// Fate says why a module does not count.
type Fate string

const (
	// Misplaced: it provides the name, but runs later than the module that requires it; or the other way round.
	Misplaced Fate = "misplaced"
	// DroppedOut: it is optional and cannot take part.
	DroppedOut Fate = "dropped out"
	// Bound: it cannot take part with the alternative that mentions the name.
	Bound Fate = "bound"
	// Undetected: its build plan mentions the name, but it did not pass detection.
	Undetected Fate = "undetected"
	// Presumed: it did not pass detection, and its id suggests that it would have mentioned the name.
	Presumed Fate = "presumed"
	// Possible: it is optional, stands in the right place and did not pass detection.
	Possible Fate = "possible"
	// Elsewhere: it stands in other candidates only.
	Elsewhere Fate = "elsewhere"
)

// Near is a name that looks like another.
type Near struct {
	Module buildpack.Ref
	Name   string
}

// Loose is what a module offers that no module takes.
type Loose struct {
	Module buildpack.Ref
	// Names are none if the build plan is empty.
	Names []string
	// Printed is true if the build plan is empty and the module printed one.
	Printed bool
}

// key is the same for facts about the same thing.
func (f Fact) key() string {
	text := fmt.Sprintf("%s %s %q", f.Kind, f.Module, f.Names)
	if f.Kind == NoBuildpack || f.Kind == Incompatible {
		for _, b := range f.Because {
			text += " (" + b.key() + ")"
		}
	}
	return text
}

// side is a role in which a module mentions a name.
type side int

const (
	provides side = iota
	required
)

// wanted is the role in which a module would have to mention the fact's names.
func (f Fact) wanted() side {
	if f.Kind == Unrequired {
		return required
	}
	return provides
}

// has says whether a module with this fate mentions, or is taken to mention, the names.
func (f Fact) has(fates ...Fate) bool { return len(f.others(fates...)) > 0 }

func (f Fact) others(fates ...Fate) []resolve.Member {
	var all []resolve.Member
	for _, o := range f.Others {
		for _, fate := range fates {
			if o.Fate == fate {
				all = append(all, o.Member)
			}
		}
	}
	return all
}
