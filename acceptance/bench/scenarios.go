package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"time"
)

// scenario is work that several do.
type scenario struct {
	name string
	// order is what is detected. Without one, the executables are only asked for their versions.
	order func(*world) []group
	// against names who else does it.
	against string
	// other is who else does it if that is not xargs.
	other func(*world, *tree) command
	// more are further ones, to compare with.
	more map[string]func(*world, *tree) command
}

// slots is how many modules the detector runs at the same time if nobody says how many: xargs gets the same. It repeats
// detect.slotsPerCPU.
func slots() int { return 16 * runtime.GOMAXPROCS(0) }

func one(g ...element) func(*world) []group { return func(*world) []group { return []group{g} } }

func scenarios() []scenario {
	all := []scenario{
		{
			name: "`-version`", against: "C program that prints a line",
			other: func(w *world, _ *tree) command { return command{argv: []string{w.null}} },
			more: map[string]func(*world, *tree) command{
				"Go program that prints a line": func(w *world, _ *tree) command { return command{argv: []string{w.hello}} },
			},
		},
		{
			name: "1 trivial module, one fork", order: one(scripts("m", 1, trivial)...), against: "C program that runs it",
			other: func(w *world, t *tree) command {
				return command{argv: []string{w.fork, t.groups[0][0], filepath.Join(t.dir, "platform"), filepath.Join(w.dir, "plan")}}
			},
		},
	}
	for _, n := range []int{1, 10, 50, 200} {
		all = append(all, scenario{name: fmt.Sprintf("1 group of %d trivial scripts", n), order: one(scripts("m", n, trivial)...)})
	}
	return append(all,
		scenario{name: "1 group of 200 trivial compiled modules", order: func(w *world) []group {
			g := scripts("m", 200, "")
			for i := range g {
				g[i].compiled = w.module
			}
			return []group{g}
		}},
		scenario{name: "1 group of 20 modules of 100 ms", order: one(scripts("m", 20, sleeping(100*time.Millisecond, 0))...)},
		scenario{name: "10 groups of 5 modules of 50 ms, the last passes", order: func(*world) []group { return lastPasses(10, 5, 50*time.Millisecond) }},
		scenario{name: "40 groups of 5 modules of 50 ms, the last passes", order: func(*world) []group { return lastPasses(40, 5, 50*time.Millisecond) }},
		scenario{name: "30 families of 3–12 modules of 5–40 ms, the last passes", order: families},
		scenario{name: "1 group of 8 modules that compute", order: one(scripts("m", 8, computing(0))...)},
		scenario{name: "first of 40 groups of 2 modules that compute passes", order: firstPasses,
			against: "`xargs -P`, the first group alone",
			other: func(_ *world, t *tree) command {
				first := *t
				first.groups = t.groups[:1]
				return first.xargs(slots())
			},
			more: map[string]func(*world, *tree) command{
				"the detector, the first group alone": func(w *world, _ *tree) command {
					return w.lay("first", firstPasses(w)[:1]).detect(w.detector)
				},
			},
		},
		scenario{name: "10 groups of 2 modules that compute, the last passes", order: computingGroups},
	)
}

// scripts are so many modules that all do the same.
func scripts(prefix string, n int, script string) (g group) {
	for i := range n {
		g = append(g, element{id: fmt.Sprint(prefix, i), script: script})
	}
	return g
}

func sleeping(d time.Duration, code int) string {
	return fmt.Sprintf("#!/bin/sh\nsleep %.3f\nexit %d\n", d.Seconds(), code)
}

// computing takes some 40 ms of CPU time.
func computing(code int) string {
	return fmt.Sprintf("#!/bin/sh\ni=0\nwhile [ $i -lt 30000 ]; do i=$((i + 1)); done\nexit %d\n", code)
}

// lastPasses are groups of modules of their own. In all but the last, the last module fails.
func lastPasses(groups, modules int, each time.Duration) (order []group) {
	for i := range groups {
		g := scripts(fmt.Sprintf("g%dm", i), modules, sleeping(each, 0))
		if i < groups-1 {
			g[modules-1].script = sleeping(each, 100)
		}
		order = append(order, g)
	}
	return order
}

func firstPasses(*world) (order []group) {
	for i := range 40 {
		order = append(order, scripts(fmt.Sprintf("g%dm", i), 2, computing(0)))
	}
	return order
}

func computingGroups(*world) (order []group) {
	for i := range 10 {
		g := scripts(fmt.Sprintf("g%dm", i), 2, computing(0))
		if i < 9 {
			g[1].script = computing(100)
		}
		order = append(order, g)
	}
	return order
}

// families is an order like that of a builder for many languages: one composite for each of 30, of a few required modules
// of its own and a few optional ones, some of which stand in every family. What a family needs first – its language – is
// there in the last family alone.
func families(*world) (order []group) {
	rng := rand.New(rand.NewPCG(7, 30))
	wait := func() time.Duration { return time.Duration(5+rng.IntN(36)) * time.Millisecond }
	shared := func(name string) element {
		return element{id: name, script: sleeping(10*time.Millisecond, 0), optional: true}
	}
	for i := range 30 {
		code := 100
		if i == 29 {
			code = 0
		}
		name := func(j int) string { return fmt.Sprintf("language%dmodule%d", i, j) }
		inner := group{shared("certificates"), {id: name(0), script: sleeping(wait(), code)}}
		for j := 1; len(inner) < 2+rng.IntN(9) || len(inner) < 2; j++ {
			e := element{id: name(j), script: sleeping(wait(), code), optional: j%3 == 2}
			if e.optional {
				e.script = sleeping(wait(), 100)
			}
			inner = append(inner, e)
		}
		inner = append(inner, shared("procfile"))
		order = append(order, group{{id: fmt.Sprintf("language%d", i), order: []group{inner}}})
	}
	return order
}

// linear are groups of ten trivial modules each, of which the last passes.
func linear(groups int) (order []group) {
	for i := range groups {
		g := scripts(fmt.Sprintf("g%dm", i), 10, trivial)
		if i < groups-1 {
			g[9].script = "#!/bin/sh\nexit 100\n"
		}
		order = append(order, g)
	}
	return order
}
