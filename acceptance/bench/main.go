// Command bench measures the built detector from outside, as whole processes, beside others that do the same work:
// programs in C that make the same forks, xargs that starts the same modules, and another detector if PEER_DETECTOR
// names one. It prints tables in Markdown; docs/internals/benchmarks.md has the last ones. `make bench` runs it.
//
// Who is measured takes turns, so that whatever else the machine does hits all of them; what counts is the median, and
// the minimum where the machine is not quiet.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

func main() {
	only := flag.String("only", "", "measure the scenarios whose names match this regular expression")
	budget := flag.Duration("budget", 4*time.Second, "time for each scenario")
	profile := flag.Bool("profile", false, "only: where the CPU time of 200 trivial modules goes (needs perf)")
	sweep := flag.Bool("sweep", false, "only: how many modules at the same time are good for this machine")
	bounds := flag.Bool("bounds", false, "only: what inputs cost that grow by ten, twice; -only names some")
	scratch := flag.String("scratch", "/dev/shm", "where detectors make their temporary files, if it is there (a file system in memory)")
	flag.Parse()
	match, err := regexp.Compile(*only)
	check(err)

	dir, err := os.MkdirTemp("", "prelude-bench-")
	check(err)
	defer os.RemoveAll(dir)
	w := newWorld(dir)
	if temp, err := os.MkdirTemp(*scratch, "prelude-bench-"); err == nil {
		check(os.Chmod(temp, 0o777))
		defer os.RemoveAll(temp)
		w.scratch = temp
	}
	switch {
	case *profile:
		w.profile()
	case *bounds:
		w.bounds(match)
	case *sweep:
		w.sweep(*budget)
	default:
		w.printMachine()
		w.compare(scenarios(), match, *budget)
		w.growth(match)
		w.size()
	}
}

// check ends the program on an error. The temporary directory is left behind then, to be looked at.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
