package invoke

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/process"
)

// explained adds to the error of a command what is known of its cause.
func explained(c process.Command, err error) error {
	var start *process.StartError
	var exit *process.ExitError
	switch {
	case errors.As(err, &start):
		return notStarted(c, start.Unwrap())
	case errors.As(err, &exit) && exit.Code != 100: // 100 is an answer of bin/detect
		return &exitError{exit, likelyCause(c.Path, exit)}
	}
	return err
}

// exitError is how an executable ended, with a likely cause; empty if none is known.
type exitError struct {
	*process.ExitError
	hint string
}

func (e *exitError) Hint() string  { return e.hint }
func (e *exitError) Unwrap() error { return e.ExitError }

// likelyCause explains the end of an executable. A shell whose child is ended by a signal exits with 128 and the signal.
func likelyCause(path string, exit *process.ExitError) string {
	switch cmp.Or(exit.Signal, syscall.Signal(exit.Code-128)) {
	case syscall.SIGXFSZ:
		return "a file exceeded the size limit: " + files.SizeLimit()
	case syscall.SIGKILL:
		return "unless it was killed on purpose, the system ran out of memory"
	}
	line, _ := firstLine(path)
	return windowsLine(line)
}

// startError is why an executable could not be started. It names the executable once.
type startError struct {
	path, reason string
	err          error
}

func (e *startError) Error() string { return fmt.Sprintf("could not start %s: %s", e.path, e.reason) }
func (e *startError) Unwrap() error { return e.err }

// notStarted explains why an executable could not be started. The system's error names the executable even if the working
// directory or the interpreter is missing.
func notStarted(c process.Command, err error) error {
	var about *fs.PathError
	if errors.As(err, &about) && about.Path == c.Path {
		err = about.Err
	}
	return &startError{c.Path, cmp.Or(obstacle(c, err), err.Error()), err}
}

// obstacle explains why the system does not run an executable; empty if its error is clear.
func obstacle(c process.Command, err error) string {
	if info, dirErr := os.Stat(c.Dir); c.Dir != "" && (dirErr != nil || !info.IsDir()) {
		return fmt.Sprintf("its working directory %s, the application's, cannot be used: %s", c.Dir, err)
	}
	info, statErr := os.Stat(c.Path)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		return missing(c.Path)
	case statErr == nil && info.IsDir():
		return "it is a directory"
	case statErr == nil && errors.Is(err, fs.ErrPermission) && info.Mode()&0o111 == 0:
		return fmt.Sprintf("it is not executable (mode %04o), chmod +x it: %s", info.Mode().Perm(), err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.ELIBBAD):
		return unrunnable(c.Path, err)
	case errors.Is(err, syscall.E2BIG):
		largest := slices.MaxFunc(c.Env, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
		name, _, _ := strings.Cut(largest, "=")
		return fmt.Sprintf("%s: its environment is too large, and the largest variable is %s with %d bytes", err, name, len(largest))
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Sprintf("%s: process limit reached: that of the user (ulimit -u) or of the container (pids.max)", err)
	}
	return ""
}

// missing explains that an executable is missing.
func missing(path string) string {
	if target, err := os.Readlink(path); err == nil {
		return fmt.Sprintf("it is a link to %s, which is not there", target)
	}
	if other := files.Similar(path); other != "" {
		return fmt.Sprintf("there is no such file, but %s, which nothing runs: rename it to %s", other, filepath.Base(path))
	}
	return "there is no such file"
}

// unrunnable explains why the system does not run a file; empty if that is not known.
func unrunnable(path string, err error) string {
	line, head := firstLine(path)
	switch {
	case len(head) == 0:
		return "it is empty"
	case windowsLine(line) != "":
		return windowsLine(line)
	case strings.HasPrefix(line, "#!"):
		return fmt.Sprintf("its first line is %q: %s", line, interpreter(line, err))
	case strings.HasPrefix(line, "\xef\xbb\xbf#!"):
		return "it begins with a byte order mark, so that its #! line does not count: save the file without one"
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s: it needs an interpreter or a loader that is missing in this image; link it statically, or against the libraries of this image", err)
	case !errors.Is(err, syscall.ENOEXEC):
		return ""
	case bytes.IndexByte(head, 0) >= 0, !utf8.ValidString(line):
		return fmt.Sprintf("%s: it is neither a script with a #! line nor a program for linux/%s", err, runtime.GOARCH)
	}
	return fmt.Sprintf("its first line is %q, not one that names an interpreter: a script begins with #!, for instance #!/bin/sh", line)
}

// firstLine returns the first line of a file, and the beginning of the file: enough for a #! line.
func firstLine(path string) (line string, head []byte) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", nil
	}
	defer f.Close()
	head, _ = io.ReadAll(io.LimitReader(f, 256)) // the system reads no more either
	line, _, _ = strings.Cut(string(head), "\n")
	return line, head
}

// windowsLine explains a #! line with a Windows line ending; empty if it has none.
func windowsLine(line string) string {
	if !strings.HasPrefix(line, "#!") || !strings.HasSuffix(line, "\r") {
		return ""
	}
	return fmt.Sprintf("first line is %q: Windows line endings; save the file with Unix line endings", line)
}

// interpreter explains why the interpreter of a #! line does not run.
func interpreter(line string, err error) string {
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if len(words) == 0 {
		return "it names no interpreter"
	}
	name := words[0]
	shown := strings.Trim(strconv.Quote(name), `"`)
	_, statErr := os.Stat(name)
	switch {
	case !filepath.IsAbs(name):
		return fmt.Sprintf("an interpreter is named by its absolute path, for instance #!/usr/bin/env %s", shown)
	case errors.Is(statErr, fs.ErrNotExist):
		return fmt.Sprintf("there is no interpreter %s in this image", shown)
	}
	return fmt.Sprintf("that interpreter cannot be started: %s", err)
}
