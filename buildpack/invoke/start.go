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
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/similar"
)

// startError says why an executable could not be started.
type startError struct {
	path, why string
	err       error
}

// Error names the executable once.
func (e *startError) Error() string { return fmt.Sprintf("could not start %s: %s", e.path, e.why) }

// Unwrap is the system's error.
func (e *startError) Unwrap() error { return e.err }

// notStarted says why an executable could not be started. The system's error names the executable even where it is the
// working directory or the interpreter that is missing.
func (c command) notStarted(err error) error {
	var about *fs.PathError
	if errors.As(err, &about) && about.Path == c.path {
		err = about.Err
	}
	return &startError{c.path, cmp.Or(c.obstacle(err), err.Error()), err}
}

// obstacle is empty if the system's error says it all.
func (c command) obstacle(err error) string {
	if info, dirErr := os.Stat(c.dir); c.dir != "" && (dirErr != nil || !info.IsDir()) {
		return fmt.Sprintf("its working directory %s, the application's, cannot be used: %s", c.dir, err)
	}
	info, statErr := os.Stat(c.path)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		return missing(c.path)
	case statErr == nil && info.IsDir():
		return "it is a directory"
	case statErr == nil && errors.Is(err, fs.ErrPermission) && info.Mode()&0o111 == 0:
		return fmt.Sprintf("it is not executable (mode %04o), chmod +x it: %s", info.Mode().Perm(), err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.ELIBBAD):
		return unrunnable(c.path, err)
	case errors.Is(err, syscall.E2BIG):
		name, size := largest(c.env)
		return fmt.Sprintf("%s: its environment is too large, and the largest variable is %s with %d bytes", err, name, size)
	case noDescriptor(err):
		return withLimit(err).Error()
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Sprintf("%s: no process is left for it, by the limit of a user (ulimit -u) or of a container (pids.max)", err)
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Sprintf("%s: somebody is still writing it", err)
	}
	return ""
}

// missing says what is in place of a missing executable.
func missing(path string) string {
	if target, err := os.Readlink(path); err == nil {
		return fmt.Sprintf("it is a link to %s, which is not there", target)
	}
	if other := Lookalike(path); other != "" {
		return fmt.Sprintf("there is no such file, but %s, which nothing runs: rename it to %s", other, filepath.Base(path))
	}
	return "there is no such file"
}

// Lookalike is the name of something beside a path that is missing which was probably meant to be there, such as
// "detect.sh" or "Detect" for "detect"; empty if there is none.
func Lookalike(path string) string {
	entries, _ := os.ReadDir(filepath.Dir(path)) // if it cannot be read, nothing comes to mind
	names := map[string]string{}
	var stems []string
	for _, entry := range entries {
		if s := stem(entry.Name()); s != "" && names[s] == "" { // hidden files have no stem
			names[s] = entry.Name()
			stems = append(stems, s)
		}
	}
	found, _ := similar.Closest(stem(path), stems)
	return names[found]
}

// stem is the name at the end of a path, without its suffix.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// unrunnable says why the system does not run a file, from how the file begins.
func unrunnable(path string, err error) string {
	head, _ := head(path)
	line := firstLine(head)
	switch {
	case len(head) == 0:
		return "it is empty"
	case windowsLine(line) != "":
		return windowsLine(line)
	case strings.HasPrefix(line, "#!"):
		return fmt.Sprintf("its first line is %q: %s", line, interpreter(line, err))
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf#!")):
		return "it begins with a byte order mark, so that its #! line does not count: save the file without one"
	case bytes.HasPrefix(head, []byte(elfMagic)):
		return foreign(head, err)
	case bytes.HasPrefix(head, []byte("MZ")):
		return "it is a program for Windows"
	case isMach(head):
		return "it is a program for macOS"
	case !errors.Is(err, syscall.ENOEXEC):
		return ""
	case bytes.IndexByte(head, 0) >= 0:
		return "it is neither a script with a #! line nor a program for this machine"
	}
	return fmt.Sprintf("its first line is %q, not one that names an interpreter: a script begins with #!, for instance #!/bin/sh", line)
}

// head is how a file begins: enough for a #! line, and for what a program says of itself.
func head(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 4096))
}

// firstLine is as much of it as the system reads.
func firstLine(head []byte) string {
	line, _, _ := bytes.Cut(head[:min(256, len(head))], []byte("\n"))
	return string(line)
}

// windowsLine says that a script has Windows line endings; it is empty if it has not. The system takes the carriage return
// for a part of the interpreter's name, or of what the interpreter is told.
func windowsLine(line string) string {
	if !strings.HasPrefix(line, "#!") || !strings.HasSuffix(line, "\r") {
		return ""
	}
	return fmt.Sprintf("first line is %q: Windows line endings; save the file with Unix line endings", line)
}

// interpreter says why the interpreter that a #! line names does not run.
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

func isMach(head []byte) bool {
	for _, magic := range []string{"\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// largest is the longest of the variables, "NAME=value" each.
func largest(env []string) (name string, size int) {
	for _, variable := range env {
		if len(variable) > size {
			name, _, _ = strings.Cut(variable, "=")
			size = len(variable)
		}
	}
	return name, size
}

// advice is a likely cause of the way in which an executable has ended; empty if none is known. What a shell's
// child has died of is the shell's exit code, less 128.
func (c command) advice(status unix.WaitStatus) string {
	signal := unix.Signal(status.ExitStatus() - 128)
	if status.Signaled() {
		signal = status.Signal()
	}
	switch signal {
	case unix.SIGXFSZ:
		return "a file became larger than may be: " + files.SizeLimit()
	case unix.SIGKILL:
		return "if nobody ended it on purpose, the system did, for want of memory"
	}
	head, _ := head(c.path)
	return windowsLine(firstLine(head))
}
