package resolve

import "strings"

// leftOut is about candidates that were left out because they surely fail. They are not judged. But full enumeration would
// come across their modules: it would end where one of them cannot be looked up, and their errors would decide between the exit
// codes 20 and 21. So the walk goes there, too, as long as it can find something of that.
type leftOut struct {
	// wanted are, by id, how many occurrences were not reached yet, or broken; sum is that of all. They are nil until something
	// of the group is left out.
	wanted map[id]map[occurrence]bool
	// shared are the ids of composites that components have, too: such a composite is passed over where the component stands
	// before.
	shared  map[id]bool
	visited map[visit]bool
}

// visit is a node with the ids that stand before and can make a difference.
type visit struct {
	node   *node
	before string
}

// visitSteps is how many steps it is worth to remember a visit.
const visitSteps = 20

// found notes that an occurrence was reached.
func (l *leftOut) found(as occurrence) {
	at := idOf(as.ref)
	if delete(l.wanted[at], as); len(l.wanted[at]) == 0 {
		delete(l.wanted, at)
	}
}

// want collects what is not reached yet of the present group.
func (s *searcher) want() {
	l := &s.leftOut
	l.wanted, l.shared, l.visited = map[id]map[occurrence]bool{}, map[id]bool{}, map[visit]bool{}
	add := func(at id, as occurrence) {
		if l.wanted[at] == nil {
			l.wanted[at] = map[occurrence]bool{}
		}
		l.wanted[at][as] = true
	}
	for n := s.roots[s.current]; n != nil; n = n.next {
		sc := s.scopeOf(n)
		for _, as := range sc.occurrences {
			if !s.noted[as] {
				add(idOf(as.ref), as)
			}
		}
		for at := range sc.broken {
			add(at, occurrence{}) // which is never found
		}
		for at := range sc.composites {
			l.shared[at] = len(s.forms()[at]) > 0
		}
	}
}

// leaveOut notes the modules of all candidates that go on at n after the members of a path. Its error is the one that full
// enumeration would have found there.
func (s *searcher) leaveOut(n *node, p path) error {
	l := &s.leftOut
	if l.wanted == nil {
		s.want()
	}
	if n == nil || len(l.wanted) == 0 {
		return nil
	}
	key := visit{n, l.before(p.ids)}
	if l.visited[key] {
		return nil
	}
	l.visited[key] = true
	if err := s.spend(visitSteps + len(key.before)); err != nil {
		return err
	}
	for ; n != nil; n = n.next {
		if err := s.spend(1); err != nil {
			return err
		}
		st, err := s.step(n, p)
		switch {
		case err != nil:
			return err
		case st.order != nil && l.concerns(s.scopeOf(n)):
			return s.leaveOutAll(n, st, p)
		case st.module != nil:
			m := Member{Module: st.module, Optional: st.optional}
			s.note(m)
			p = p.with(m)
		}
	}
	return nil
}

func (s *searcher) leaveOutAll(n *node, st step, p path) error {
	if p.choices++; p.choices > mostChoices {
		return s.bound()
	}
	for i := range st.count() {
		if err := s.leaveOut(n.alternative(st.order, i), p); err != nil {
			return err
		}
	}
	return nil
}

// concerns reports whether a choice can bring something that is wanted, or that something wanted is passed over for.
func (l *leftOut) concerns(sc *scope) bool {
	for _, as := range sc.occurrences {
		if l.matters(idOf(as.ref)) {
			return true
		}
	}
	for at := range sc.broken {
		if l.matters(at) {
			return true
		}
	}
	return false
}

func (l *leftOut) matters(at id) bool { return len(l.wanted[at]) > 0 || l.shared[at] }

// before is the part of some ids that can make a difference.
func (l *leftOut) before(ids []id) string {
	var text strings.Builder
	for _, at := range ids {
		if l.matters(at) {
			text.WriteString(string(at.kind) + at.name + "\x00")
		}
	}
	return text.String()
}
