package main

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// known is a difference that is meant: the list in docs/compatibility.md has it by its number. It has one of two
// functions that recognise it.
type known struct {
	number, why string
	// align takes what it accounts for out of two outcomes, and nothing else.
	align func(w world, ours, theirs *outcome)
	// without takes what it is about out of a world: if both detectors do the same then, that was it.
	without func(w world) changes
}

func (k known) String() string { return k.number + ": " + k.why }

// comparison runs both detectors in worlds, and counts.
type comparison struct {
	ours, peer string
	out        io.Writer
	verbose    bool

	mutex       sync.Mutex
	runs, same  int
	counts      map[string]int
	unexplained []string
}

func (c *comparison) both(w world) (ours, theirs outcome) {
	return w.run(c.ours), w.run(c.peer)
}

// compare runs both and says which known differences account for how their outcomes differ; ok is false if they do not.
func (c *comparison) compare(w world) (ours, theirs outcome, why []known, ok bool) {
	ours, theirs = c.both(w)
	if why, ok := aligned(w, ours, theirs); ok {
		return ours, theirs, why, true
	}
	if loud := w.loud(); !slices.Equal(loud.env, w.env) { // what is not printed cannot be recognised
		if why, ok := c.explained(loud); ok {
			return ours, theirs, why, true
		}
	}
	why, ok = c.takenOut(w)
	return ours, theirs, why, ok
}

func (c *comparison) explained(w world) (why []known, ok bool) {
	ours, theirs := c.both(w)
	if why, ok := aligned(w, ours, theirs); ok {
		return why, true
	}
	return c.takenOut(w)
}

// takenOut looks for what has to be taken out of the world so that both do the same: one thing, or all that are there
// without one that is not needed.
func (c *comparison) takenOut(w world) (why []known, ok bool) {
	var there []known
	for _, k := range knowns() {
		if k.without == nil || len(k.without(w)) == 0 {
			continue
		}
		there = append(there, k)
		if why, ok := c.without(w, k); ok {
			return why, true
		}
	}
	if len(there) < 2 {
		return nil, false
	}
	why, ok = c.without(w, there...)
	for i := 0; ok && i < len(there); {
		fewer := slices.Delete(slices.Clone(there), i, i+1)
		if less, still := c.without(w, fewer...); still {
			there, why = fewer, less
		} else {
			i++
		}
	}
	return why, ok
}

func (c *comparison) without(w world, list ...known) (why []known, ok bool) {
	for _, k := range list {
		undo := k.without(w)
		undo.swap()
		defer undo.swap()
	}
	ours, theirs := c.both(w)
	why, ok = aligned(w, ours, theirs)
	return append(slices.Clone(list), why...), ok
}

// aligned says which known differences make two outcomes equal once they are taken out; ok is false if they do not.
func aligned(w world, ours, theirs outcome) (why []known, ok bool) {
	difference := diff(ours, theirs)
	for _, k := range knowns() {
		if difference == "" {
			break
		}
		if k.align == nil {
			continue
		}
		k.align(w, &ours, &theirs)
		if now := diff(ours, theirs); now != difference {
			difference, why = now, append(why, k)
		}
	}
	return why, difference == ""
}

// diff shows in what two outcomes differ; empty if they do not. How it is shown is for people only.
func diff(ours, theirs outcome) (text string) {
	show := func(what string, a, b any) {
		if difference := cmp.Diff(a, b, cmpopts.EquateEmpty()); difference != "" {
			text += fmt.Sprintf("%s (- ours, + peer):\n%s", what, difference)
		}
	}
	show("exit code", ours.exit, theirs.exit)
	show("group.toml", ours.group, theirs.group)
	show("plan.toml", ours.plan, theirs.plan)
	show("analyzed.toml", ours.analyzed, theirs.analyzed)
	show("generated", ours.generated, theirs.generated)
	show("output", ours.said, theirs.said)
	show("err: lines", ours.errs, theirs.errs)
	return text
}
