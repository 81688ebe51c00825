package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// world is a directory with the executables that are measured.
type world struct {
	dir string
	// detector is ours, peer the other one or empty.
	detector, peer string
	// null exits at once, fork runs one program and takes what it prints, module is a module that was compiled. They
	// are written in C if there is a compiler, else they are as close to that as the shell comes.
	null, fork, module string
	// hello is a Go program that does nothing but print a line: what the language itself costs.
	hello string
	// scratch is where detectors make their temporary files; empty for where they always do.
	scratch string
	// c says that there is a compiler of C.
	c bool
}

func newWorld(dir string) *world {
	check(os.Chmod(dir, 0o755))
	w := &world{dir: dir, peer: os.Getenv("PEER_DETECTOR")}
	w.detector, w.hello = filepath.Join(dir, "detector"), filepath.Join(dir, "hello")
	build := func(output string, args ...string) {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", output}, args...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		check(cmd.Run())
	}
	build(w.detector, "github.com/cnb-prelude/prelude/cmd/detector")
	w.write("hello.go", 0o644, helloGo)
	build(w.hello, filepath.Join(dir, "hello.go"))
	_, err := exec.LookPath("gcc")
	w.c = err == nil
	w.null = w.program("null", nullC, nullShell)
	w.fork = w.program("fork", forkC, forkShell)
	w.module = w.program("module", moduleC, trivial)
	return w
}

const (
	helloGo = "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"0.0.0\\n\") }\n"

	nullC     = "#include <unistd.h>\nint main(void) { return write(1, \"0.0.0\\n\", 6) != 6; }\n"
	nullShell = "#!/bin/sh\necho 0.0.0\n"

	moduleC = "int main(void) { return 0; }\n"

	forkShell = "#!/bin/sh\noutput=$(\"$@\" 2>&1)\n"
	forkC     = `#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
	int ends[2], status = 0;
	char buffer[4096];
	if (argc < 2 || pipe(ends)) return 1;
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	close(ends[1]);
	while (read(ends[0], buffer, sizeof buffer) > 0) {}
	waitpid(pid, &status, 0);
	return status != 0;
}
`
	trivial = "#!/bin/sh\nexit 0\n"
)

// program compiles a program in C, or takes the script if there is no compiler.
func (w *world) program(name, c, script string) string {
	if !w.c {
		return w.write(name, 0o755, script)
	}
	path := filepath.Join(w.dir, name)
	cmd := exec.Command("gcc", "-O2", "-o", path, w.write(name+".c", 0o644, c))
	cmd.Stderr = os.Stderr
	check(cmd.Run())
	return path
}

func (w *world) write(name string, mode fs.FileMode, text string) string {
	path := filepath.Join(w.dir, name)
	check(os.MkdirAll(filepath.Dir(path), 0o755))
	check(os.WriteFile(path, []byte(text), mode))
	return path
}

// command is one that is measured.
type command struct {
	argv, env []string
}

// prepared is the command, as a user without privileges.
func (c command) prepared() *exec.Cmd {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/"}, c.env...)
	testhelpers.Unprivileged(cmd)
	return cmd
}

// cost is what one run took.
type cost struct{ wall, cpu time.Duration }

// run measures one run; it has to succeed.
func (c command) run() cost {
	cmd := c.prepared()
	said, err := os.CreateTemp("", "prelude-bench-said-") // a file takes what is printed without anybody waking up for it
	check(err)
	defer os.Remove(said.Name())
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if err != nil {
		text, _ := os.ReadFile(said.Name())
		check(fmt.Errorf("%s: %w\n%s", strings.Join(c.argv, " "), err, text))
	}
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}
