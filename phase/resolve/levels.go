package resolve

// levels is a set of the choices that lead to a candidate, by their depth on the way there. It is never changed.
type levels []uint64

func (l levels) has(level int) bool {
	word := level / 64
	return word < len(l) && l[word]&(1<<(level%64)) != 0
}

// with adds a level; outermost is none.
func (l levels) with(level int) levels {
	if level == outermost || l.has(level) {
		return l
	}
	one := make(levels, level/64+1)
	one[level/64] = 1 << (level % 64)
	return l.union(one)
}

func (l levels) without(level int) levels {
	if !l.has(level) {
		return l
	}
	rest := append(levels(nil), l...)
	rest[level/64] &^= 1 << (level % 64)
	return rest
}

func (l levels) union(o levels) levels {
	if len(l) < len(o) {
		l, o = o, l
	}
	if len(o) == 0 {
		return l
	}
	both := append(levels(nil), l...)
	for i, word := range o {
		both[i] |= word
	}
	return both
}

// firstLevels is the set of all levels below n.
func firstLevels(n int) levels {
	all := make(levels, (n+63)/64)
	for level := range n {
		all[level/64] |= 1 << (level % 64)
	}
	return all
}
