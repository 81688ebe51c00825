// Command compare runs our detector beside another one, on random orders or on an order of your own, and says what differs
// and why: differences that docs/compatibility.md names by a number are recognised and counted, all others are listed, with
// the files that they can be seen with, and make it fail. `make compare PEER_DETECTOR=<path>` runs it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

const platformAPIs = "0.7 0.8 0.9 0.10 0.11 0.12 0.13 0.14 0.15"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout))
}

// run returns the exit code: 1 if something differs that nothing explains, 2 if it could not run.
func run(args []string, out io.Writer) int {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	orders := flags.Uint64("orders", 100, "how many random orders")
	seed := flags.Uint64("seed", 1, "another one makes other orders")
	only := flags.Uint64("only", 0, "only the random order of this number")
	apis := flags.String("platform-apis", platformAPIs, "the Platform APIs")
	each := flags.Int("each", 0, "each random order at so many of the Platform APIs, taking turns; 0: at all")
	detector := flags.String("detector", "", "our detector; built if it is not given")
	verbose := flags.Bool("v", false, "list every difference, not only those that nothing explains")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	peer := os.Getenv("PEER_DETECTOR")
	if peer == "" {
		fmt.Fprintln(out, "not run: there is no detector to compare with; please name one: make compare PEER_DETECTOR=/path/to/detector")
		return 2
	}
	dir, err := os.MkdirTemp("", "prelude-compare-")
	check(err)
	check(os.Chmod(dir, 0o755))
	c := &comparison{ours: *detector, peer: absolute(peer), out: out, verbose: *verbose, counts: map[string]int{}}
	if c.ours == "" {
		c.ours = build(dir)
	}
	for name, path := range map[string]string{"PEER_DETECTOR": c.peer, "-detector": c.ours} {
		if _, err := exec.LookPath(path); err != nil {
			fmt.Fprintf(out, "not run: %s: %v\n", name, err)
			os.RemoveAll(dir)
			return 2
		}
	}
	at := strings.Fields(*apis)
	if os.Getenv("ORDER") != "" {
		c.verbose = true
		w := own(filepath.Join(dir, "order"))
		c.look(w, "your order", at)
	} else {
		first := uint64(1)
		if *only > 0 {
			first, *orders = *only, *only
		}
		c.random(dir, *seed, first, *orders, turns(at, *each))
	}
	return c.summary(dir)
}

// turns gives each order its Platform APIs.
func turns(all []string, each int) func(number uint64) []string {
	if each <= 0 || each >= len(all) {
		return func(uint64) []string { return all }
	}
	return func(number uint64) (some []string) {
		for i := range each {
			some = append(some, all[(int(number)*each+i*len(all)/each)%len(all)])
		}
		return some
	}
}

// random compares on random orders, as many at the same time as there are CPUs.
func (c *comparison) random(dir string, seed, first, last uint64, at func(uint64) []string) {
	numbers := make(chan uint64)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range numbers {
				place := filepath.Join(dir, fmt.Sprint(n))
				check(os.Mkdir(place, 0o755))
				c.look(random(place, seed, n), fmt.Sprintf("order %d of seed %d", n, seed), at(n))
			}
		}()
	}
	for n := first; n <= last; n++ {
		numbers <- n
	}
	close(numbers)
	workers.Wait()
}

// look compares in one world, at all the Platform APIs, and removes the world if there is nothing to see.
func (c *comparison) look(w world, name string, at []string) {
	keep := false
	for _, api := range at {
		w.platformAPI = api
		ours, theirs, why, ok := c.compare(w)
		c.mutex.Lock()
		c.runs++
		title := fmt.Sprintf("%s, Platform API %s", name, api)
		difference := diff(ours, theirs)
		switch {
		case !ok:
			keep = true
			c.unexplained = append(c.unexplained, title+": "+w.dir)
			check(os.WriteFile(filepath.Join(w.dir, "ours-"+api+".txt"), []byte(ours.output), 0o644))
			check(os.WriteFile(filepath.Join(w.dir, "peer-"+api+".txt"), []byte(theirs.output), 0o644))
			fmt.Fprintf(c.out, "DIFFERS: %s\n%s%s\n", title, w.called(), difference)
		case difference == "":
			c.same++
		case c.verbose:
			fmt.Fprintf(c.out, "differs as it should: %s\n", title)
			for _, k := range why {
				fmt.Fprintf(c.out, "  %s\n", k)
			}
			fmt.Fprintln(c.out, difference)
		}
		for _, k := range why {
			c.counts[k.String()]++
		}
		c.mutex.Unlock()
	}
	if !keep {
		check(os.RemoveAll(w.dir))
	}
}

// summary says how it went.
func (c *comparison) summary(dir string) int {
	fmt.Fprintf(c.out, "%d comparisons: %d the same, %d differ as docs/compatibility.md says, %d differ otherwise\n", c.runs, c.same,
		c.runs-c.same-len(c.unexplained), len(c.unexplained))
	var lines []string
	for why, n := range c.counts {
		lines = append(lines, fmt.Sprintf("  %6d times %s\n", n, why))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[len("  123456 times "):], b[len("  123456 times "):]) })
	fmt.Fprint(c.out, strings.Join(lines, ""))
	if len(c.unexplained) == 0 {
		check(os.RemoveAll(dir))
		return 0
	}
	fmt.Fprintln(c.out, "Not explained; what was run, and what each of them printed, is kept:")
	for _, line := range c.unexplained {
		fmt.Fprintln(c.out, "  "+line)
	}
	return 1
}

func build(dir string) string {
	path := filepath.Join(dir, "detector")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "github.com/cnb-prelude/prelude/cmd/detector")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	check(cmd.Run())
	return path
}

func absolute(path string) string {
	absolute, err := filepath.Abs(path)
	check(err)
	return absolute
}

// check ends the program on an error. Temporary directories are left behind then, to be looked at.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
}
