package staged

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cnb-prelude/prelude/internal/files"
)

// cannotWrite returns nil for nil, and else an error that names the file to write, rather than the one beside it, and what to
// try.
func cannotWrite(path string, err error) error {
	if err == nil {
		return nil
	}
	var about *fs.PathError
	var linked *os.LinkError
	reason, where := err, filepath.Dir(path)
	switch {
	case errors.As(err, &linked):
		reason, where = linked.Err, filepath.Dir(linked.New)
	case errors.As(err, &about):
		where = filepath.Dir(about.Path)
		if strings.HasPrefix(filepath.Base(about.Path), ".prelude-") {
			reason = about.Err
		} else if about.Op != "mkdir" {
			where = about.Path
		}
		if about.Path == path {
			reason = about.Err
		}
	}
	hint := "choose another path for it"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "make room there, or " + hint
	case errors.Is(err, syscall.EFBIG):
		hint = files.SizeLimit()
	case errors.Is(err, syscall.EROFS):
		hint = "mount that file system for writing, or " + hint
	case errors.Is(err, fs.ErrPermission):
		hint = files.Whose(where) + "; change that, or " + hint
	case errors.Is(err, syscall.ENXIO):
		hint = "the pipe has no reader"
	}
	return fmt.Errorf("failed to write %s: %w (%s)", path, reason, hint)
}
