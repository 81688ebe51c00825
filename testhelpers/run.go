package testhelpers

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// nobody is the user as whom the executables run if the tests run as root: they refuse root.
const nobody = 65534

// Executables builds packages of the repository, whose root is given, into a directory: as `make build` does or, for `make race`,
// with the race detector.
func Executables(root, dir string, packages ...string) error {
	flags, cgo := []string{"-ldflags=-s -w"}, "CGO_ENABLED=0"
	if os.Getenv("PRELUDE_RACE") != "" {
		flags, cgo = []string{"-race"}, "CGO_ENABLED=1"
	}
	flags = append(flags, "-trimpath", "-buildvcs=false", "-o", dir+"/")
	build := exec.Command("go", append(append([]string{"build"}, flags...), packages...)...)
	build.Dir = root
	build.Env = append(os.Environ(), cgo)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// TakeHangup gives SIGHUP its default meaning again in the processes that this one starts, if it was started with that signal
// ignored, as nohup does. This process goes on ignoring it.
func TakeHangup() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}

// Unprivileged lets a command that was not started yet run as a user without privileges.
func Unprivileged(cmd *exec.Cmd) {
	if os.Geteuid() == 0 {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}
