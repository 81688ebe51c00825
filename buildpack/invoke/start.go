package invoke

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// notStarted says why an executable could not be started. The system's error names the executable even where it is the
// working directory or the interpreter that is missing.
func (c command) notStarted(err error) error {
	if info, dirErr := os.Stat(c.dir); c.dir != "" && (dirErr != nil || !info.IsDir()) {
		return fmt.Errorf("could not start %s: its working directory %s, the application's, cannot be used: %w", c.path, c.dir, err)
	}
	info, statErr := os.Stat(c.path)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		return fmt.Errorf("could not start %s: there is no such file: %w", c.path, err)
	case statErr == nil && info.IsDir():
		return fmt.Errorf("could not start %s: it is a directory: %w", c.path, err)
	case statErr == nil && errors.Is(err, fs.ErrPermission) && info.Mode()&0o111 == 0:
		return fmt.Errorf("could not start %s: it is not executable (mode %04o), chmod +x it: %w", c.path, info.Mode().Perm(), err)
	case statErr == nil && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("could not start %s: the interpreter that its first line names is not there: %w", c.path, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("could not start %s: it is neither a script with a #! line nor a program for this machine: %w", c.path, err)
	case errors.Is(err, syscall.E2BIG):
		name, size := largest(c.env)
		return fmt.Errorf("could not start %s: %w: its environment is too large, and the largest variable is %s with %d bytes", c.path, err, name, size)
	case noDescriptor(err):
		return fmt.Errorf("could not start %s: %w", c.path, withLimit(err))
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("could not start %s: %w: somebody is still writing it", c.path, err)
	}
	return fmt.Errorf("could not start %s: %w", c.path, err)
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
