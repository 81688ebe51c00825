package release

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// ParseFlags reads a tool's command line. -help prints usage, the flags and what comes after them on standard output and ends the
// process with 0; a flag that is wrong ends it with 2.
func ParseFlags(tool, usage, after string) {
	set := flag.CommandLine
	set.Init(tool, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	err := set.Parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		set.SetOutput(os.Stdout)
		fmt.Print(usage)
		set.PrintDefaults()
		fmt.Print(after)
		os.Exit(0)
	}
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err != nil {
		WrongUse(tool, err)
	}
}

// WrongUse ends a tool whose command line is wrong, with 2.
func WrongUse(tool string, err error) {
	fmt.Fprintf(os.Stderr, "ERROR: %s: %v (%s -help lists the options)\n", tool, err, tool)
	os.Exit(2)
}
