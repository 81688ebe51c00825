package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// engine runs the detector in a world. When it returns, the layers directory is below the root of the world.
type engine interface {
	run(ctx context.Context, w *world, out io.Writer) (code int, err error)
	// describe says where modules run.
	describe() string
}

// host runs it as a process of this machine, on a copy of the app.
type host struct{}

func (host) describe() string { return "this machine's root file system" + asWhom() }

// somebody is the user as whom modules run if root runs this program: the detector refuses root.
const somebody = 1000

func asWhom() string {
	if os.Geteuid() == 0 {
		return fmt.Sprintf(", as user %d", somebody)
	}
	return ""
}

func (host) run(ctx context.Context, w *world, out io.Writer) (int, error) {
	if w.app == "" {
		if err := os.Mkdir(w.root("workspace"), 0o755); err != nil {
			return 0, err
		}
	} else if size(w.app) > small && tryNamespaces() == nil {
		return rootfs{}.run(ctx, w, out) // it lays the app over, and copies nothing
	} else if err := copyTree(w.app, w.root("workspace"), w.leavesOut()); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, w.root("prelude/detector"), w.arguments(w.root())...)
	cmd.Env = append(append(ours(), w.variables()...), "TMPDIR="+w.root("tmp"))
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = as(somebody)
		for _, dir := range []string{"layers", "workspace", "tmp"} {
			if err := chown(w.root(dir), somebody); err != nil {
				return 0, err
			}
		}
	}
	return finish(cmd, out)
}

// finish runs a detector to its end. When its context ends, it is asked to end, and has time to end what it runs.
func finish(cmd *exec.Cmd, out io.Writer) (int, error) {
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// ours is the environment of this program, without what would be a platform's word to a phase.
func ours() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CNB_") && !strings.HasPrefix(variable, "PRELUDE_") {
			env = append(env, variable)
		}
	}
	return env
}

func chown(dir string, id int) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	})
}
