package resolve

import "math/bits"

// set is a set of small numbers. It is never changed, so sets may share memory.
type set []uint64

// has says whether a number is in the set. No negative one ever is.
func (s set) has(i int) bool {
	return i >= 0 && i/64 < len(s) && s[i/64]&(1<<(i%64)) != 0
}

func (s set) with(i int) set {
	if s.has(i) {
		return s
	}
	one := make(set, i/64+1)
	one[i/64] = 1 << (i % 64)
	return s.union(one)
}

func (s set) without(i int) set {
	if !s.has(i) {
		return s
	}
	rest := append(set(nil), s...)
	rest[i/64] &^= 1 << (i % 64)
	return rest
}

func (s set) union(o set) set {
	if len(s) < len(o) {
		s, o = o, s
	}
	if s.includes(o) {
		return s
	}
	both := append(set(nil), s...)
	for i, word := range o {
		both[i] |= word
	}
	return both
}

func (s set) count() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

func (s set) minus(o set) set {
	rest := append(set(nil), s...)
	for i := range min(len(s), len(o)) {
		rest[i] &^= o[i]
	}
	return rest
}

func (s set) intersection(o set) set {
	both := make(set, min(len(s), len(o)))
	for i := range both {
		both[i] = s[i] & o[i]
	}
	return both
}

// includes says whether all numbers of the other set are in this one.
func (s set) includes(o set) bool {
	for i, word := range o {
		if i < len(s) {
			word &^= s[i]
		}
		if word != 0 {
			return false
		}
	}
	return true
}

// key is equal for equal sets.
func (s set) key() string {
	for len(s) > 0 && s[len(s)-1] == 0 {
		s = s[:len(s)-1]
	}
	bytes := make([]byte, 0, 8*len(s))
	for _, word := range s {
		for shift := 0; shift < 64; shift += 8 {
			bytes = append(bytes, byte(word>>shift))
		}
	}
	return string(bytes)
}

// firstNumbers is the set of all numbers below n.
func firstNumbers(n int) set {
	all := make(set, (n+63)/64)
	for i := range n {
		all[i/64] |= 1 << (i % 64)
	}
	return all
}
