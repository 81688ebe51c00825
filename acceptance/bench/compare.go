package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// subject is who is measured, and what it took so far.
type subject struct {
	name    string
	command command
	costs   []cost
}

func (s *subject) median() cost {
	return cost{middle(s.costs, func(c cost) time.Duration { return c.wall }), middle(s.costs, func(c cost) time.Duration { return c.cpu })}
}

func (s *subject) least() time.Duration {
	return slices.MinFunc(s.costs, func(a, b cost) int { return int(a.wall - b.wall) }).wall
}

func middle(costs []cost, of func(cost) time.Duration) time.Duration {
	var all []time.Duration
	for _, c := range costs {
		all = append(all, of(c))
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// rounds measures all subjects in turn, forwards and backwards, until the time is over, so many times at least.
func rounds(subjects []*subject, least int, budget time.Duration) {
	for _, s := range subjects {
		s.command.run() // once for the caches
	}
	deadline := time.Now().Add(budget)
	for n := 0; n < least || n < 400 && time.Now().Before(deadline); n++ {
		for _, s := range subjects {
			s.costs = append(s.costs, s.command.run())
		}
		slices.Reverse(subjects)
	}
}

// compare prints a row for each scenario and each other that does it.
func (w *world) compare(all []scenario, match *regexp.Regexp, budget time.Duration) {
	fmt.Println("| scenario | beside | runs | detector | the other | ratio of medians | ratio of minima | CPU time, ratio |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|")
	for i, s := range all {
		if !match.MatchString(s.name) {
			continue
		}
		ours, others := w.subjects(s, fmt.Sprint("s", i))
		rounds(append([]*subject{ours}, others...), 5, budget)
		for _, o := range others {
			a, b := ours.median(), o.median()
			fmt.Printf("| %s | %s | %d | %s | %s | **%.2f** | %.2f | %.2f |\n", s.name, o.name, len(o.costs), ms(a.wall), ms(b.wall),
				ratio(a.wall, b.wall), ratio(ours.least(), o.least()), ratio(a.cpu, b.cpu))
		}
	}
	fmt.Println()
}

func (w *world) subjects(s scenario, name string) (ours *subject, others []*subject) {
	if s.order == nil {
		version := func(detector string) command {
			return command{argv: []string{detector, "-version"}, env: []string{"CNB_PLATFORM_API=0.12"}}
		}
		ours = &subject{name: "detector", command: version(w.detector)}
		if w.peer != "" {
			others = append(others, &subject{name: "peer", command: version(w.peer)})
		}
	} else {
		t := w.lay(name, s.order(w))
		ours = &subject{name: "detector", command: t.detect(w.detector)}
		if w.peer != "" {
			others = append(others, &subject{name: "peer", command: t.detect(w.peer)})
		}
		if s.other == nil {
			s.other = func(_ *world, t *tree) command { return t.xargs(slots()) }
			s.against = fmt.Sprintf("`xargs -P %d`", slots())
			if len(t.groups) > 1 {
				s.against += ", group after group"
			}
		}
		return ours, append(w.alternatives(s, t), others...)
	}
	return ours, append(w.alternatives(s, nil), others...)
}

func (w *world) alternatives(s scenario, t *tree) []*subject {
	name := s.against
	if !w.c {
		name = strings.Replace(name, "C program", "shell script", 1)
	}
	list := []*subject{{name: name, command: s.other(w, t)}}
	for name, more := range s.more {
		list = append(list, &subject{name: name, command: more(w, t)})
	}
	return list
}

// growth shows whether an order twice as long takes twice as long.
func (w *world) growth(match *regexp.Regexp) {
	const name = "growth: groups of 10 trivial modules, the last passes"
	if !match.MatchString(name) {
		return
	}
	fmt.Println("| " + name + " | runs | median | per group | CPU time per group | `xargs`, group after group | ratio |")
	fmt.Println("|--:|--:|--:|--:|--:|--:|--:|")
	sizes := []int{50, 100, 200}
	var ours, others, all []*subject
	for i, n := range sizes {
		t := w.lay(fmt.Sprint("growth", n), linear(n))
		ours, others = append(ours, &subject{command: t.detect(w.detector)}), append(others, &subject{command: t.xargs(slots())})
		all = append(all, ours[i], others[i])
	}
	rounds(all, 3, 0) // all sizes take turns: they are to be compared with each other
	for i, n := range sizes {
		m, o := ours[i].median(), others[i].median()
		fmt.Printf("| %d | %d | %s | %s | %s | %s | %.2f |\n", n, len(ours[i].costs), ms(m.wall), ms(m.wall/time.Duration(n)),
			ms(m.cpu/time.Duration(n)), ms(o.wall), ratio(m.wall, o.wall))
	}
	fmt.Println()
}

// size prints how large the detector is, on disk and in memory.
func (w *world) size() {
	info, err := os.Stat(w.detector)
	check(err)
	fmt.Printf("Executable: %.1f MB.", float64(info.Size())/1e6)
	for _, n := range []int{1, 200} {
		t := w.lay(fmt.Sprint("size", n), []group{scripts("m", n, trivial)})
		c := t.detect(w.detector)
		report := w.write("rss", 0o666, "")
		check(os.Chmod(report, 0o666))
		// Not from our own resource usage of children: a child of ours counts our memory until it becomes the program.
		c.argv = append([]string{"/bin/sh", "-c", `/usr/bin/time -f %M -o "$0" "$@"`, report}, c.argv...)
		if _, err := os.Stat("/usr/bin/time"); err != nil {
			break
		}
		c.run()
		kib, err := os.ReadFile(report)
		check(err)
		var n64 float64
		fmt.Sscan(string(kib), &n64)
		fmt.Printf(" Resident memory at its most with %d trivial module(s): %.1f MB.", n, n64*1024/1e6)
	}
	fmt.Println()
}

func (w *world) printMachine() {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s, %s/%s, %d CPUs (%s), Linux %s, load before: %s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), cpuModel(), strings.TrimSpace(string(release)), strings.Join(strings.Fields(string(load))[:3], " "))
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "model unknown"
}

func ms(d time.Duration) string {
	switch v := d.Seconds() * 1000; {
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 100:
		return fmt.Sprintf("%.1f ms", v)
	default:
		return fmt.Sprintf("%.0f ms", v)
	}
}

func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// sweep tries numbers of modules at the same time, for modules that wait and for modules that compute.
func (w *world) sweep(budget time.Duration) {
	orders := []struct {
		name  string
		order []group
	}{
		{"64 modules of 20 ms", []group{scripts("m", 64, sleeping(20*time.Millisecond, 0))}},
		{"100 trivial modules", []group{scripts("m", 100, trivial)}},
		{"16 modules that compute", []group{scripts("m", 16, computing(0))}},
		{"families", families(w)},
	}
	numbers := []int{1, 2, 4, 8, 16, 32, 64}
	cpus := runtime.GOMAXPROCS(0)
	fmt.Print("| modules at the same time, for each CPU |")
	for _, n := range numbers {
		fmt.Printf(" %d |", n)
	}
	fmt.Println("\n|---|" + strings.Repeat("--:|", len(numbers)))
	for i, o := range orders {
		t := w.lay(fmt.Sprint("sweep", i), o.order)
		var subjects []*subject
		for _, n := range numbers {
			subjects = append(subjects, &subject{command: t.detect(w.detector, fmt.Sprintf("-parallel=%d", n*cpus))})
		}
		columns := slices.Clone(subjects)
		rounds(subjects, 5, budget)
		fmt.Printf("| %s |", o.name)
		for _, s := range columns {
			fmt.Printf(" %s |", ms(s.median().wall))
		}
		fmt.Println()
	}
}

// profile has perf sample the detector itself, without the modules, while it runs 200 trivial ones over and over.
func (w *world) profile() {
	t := w.lay("profile", []group{scripts("m", 200, trivial)})
	build := exec.Command("go", "build", "-o", w.detector, "github.com/cnb-prelude/prelude/cmd/detector") // with symbols
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	check(build.Run())
	data := filepath.Join(w.dir, "perf.data")
	c := t.detect(w.detector)
	for range 20 {
		c.run()
	}
	perf := exec.Command("perf", append([]string{"record", "-q", "-F", "5000", "-o", data, "--"}, asNobody(c.argv)...)...)
	perf.Env = c.prepared().Env
	perf.Stderr = os.Stderr
	check(perf.Run())
	report := exec.Command("perf", "report", "-i", data, "--sort", "comm,dso,symbol", "--stdio", "-w", "0")
	text, err := report.Output()
	check(err)
	shares := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || strings.HasPrefix(line, "#") {
			continue
		}
		percent, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "%"), 64)
		check(err)
		shares[whose(fields[1], fields[2], fields[4])] += percent
	}
	fmt.Println("| CPU time of 200 trivial modules | share |\n|---|--:|")
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		fmt.Printf("| %s | %.1f %% |\n", name, shares[name])
	}
}

// whose says whose work a sample is, by the process, the object and the symbol.
func whose(process, object, symbol string) string {
	switch {
	case process != "detector":
		return "the modules, and their shells"
	case object == "[kernel.kallsyms]":
		return "the detector: kernel (fork, exec, files)"
	case strings.HasPrefix(symbol, "github.com/cnb-prelude/"):
		return "the detector: our own functions"
	case strings.HasPrefix(symbol, "github.com/"):
		return "the detector: TOML and other dependencies"
	}
	return "the detector: Go's runtime and standard library"
}

// asNobody is a command line that gives up root's privileges; perf itself needs them.
func asNobody(argv []string) []string {
	if os.Geteuid() != 0 {
		return argv
	}
	return append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"}, argv...)
}
