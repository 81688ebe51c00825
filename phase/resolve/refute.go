package resolve

// refutation is a set of choices: with all of these, whatever the others are, every candidate fails.
type refutation []taken

// taken is one choice with the alternative that was taken.
type taken struct {
	node   *node
	chosen int
}

// refutationsKept bounds, for each alternative, how much is remembered; the latest are worth the most.
const refutationsKept = 64

// refute remembers that alternative i fails together with the choices at the given levels.
func (n *node) refute(i int, with levels, points []point) {
	var r refutation
	for level, p := range points {
		if with.has(level) {
			r = append(r, taken{p.node, p.chosen})
		}
	}
	if n.refutations == nil {
		n.refutations = map[int][]refutation{}
	}
	kept := append(n.refutations[i], r)
	n.refutations[i] = kept[max(0, len(kept)-refutationsKept):]
}

// refuted says whether alternative i is known to fail with the choices made so far, and which of these are why.
func (n *node) refuted(i int, points []point) (levels, bool) {
	for _, r := range n.refutations[i] {
		if why, all := r.among(points); all {
			return why, true
		}
	}
	return nil, false
}

// among finds the levels at which all the decisions were made, if they were.
func (r refutation) among(points []point) (levels, bool) {
	var why levels
	next := 0 // decisions and points are in the same order
	for level, p := range points {
		if next < len(r) && r[next] == (taken{p.node, p.chosen}) {
			why = why.with(level)
			next++
		}
	}
	return why, next == len(r)
}
