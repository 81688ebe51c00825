// Command unprivileged is what scripts that are root call as detector and as generator: it becomes that executable, as a user
// without privileges.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// nobody is the user as whom commands run if the tests run as root.
const nobody = 65534

func main() {
	path := filepath.Join(os.Getenv("PRELUDE_BUILT"), filepath.Base(os.Args[0]))
	fmt.Fprintln(os.Stderr, become(append([]string{path}, withReport(os.Args[1:])...)))
	os.Exit(1)
}

// become turns this process into an executable, whose path comes first. It only returns if that fails.
func become(argv []string) error {
	if os.Geteuid() == 0 && os.Getenv("PRELUDE_AS_ROOT") == "" {
		for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)} {
			if err != nil {
				return err
			}
		}
	}
	return syscall.Exec(argv[0], argv, os.Environ())
}

// withReport adds -report to arguments that don't have it and don't just ask what this is, if PRELUDE_REPORTS names a directory
// where every run is to leave a report.
func withReport(args []string) []string {
	dir := os.Getenv("PRELUDE_REPORTS")
	has := func(name string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return strings.TrimLeft(arg, "-") == name })
	}
	if dir == "" || has("report") || has("version") || has("h") || has("help") {
		return args
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", filepath.Base(os.Getenv("WORK")), os.Getpid()))
	return append([]string{"-report", path}, args...)
}
