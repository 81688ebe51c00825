package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// findDetector finds Prelude's detector for an architecture: the one that is named, the one in this program, or lifecycle/detector beside
// it. One in this program is written to a file, which the caller removes.
func findDetector(named, arch string) (path string, temporary bool, err error) {
	if program, err := embedded.ReadFile("detector-" + arch); err == nil && named == "" {
		file, err := os.CreateTemp("", "try-detector-")
		if err != nil {
			return "", false, err
		}
		_, err = file.Write(program)
		return file.Name(), true, errors.Join(err, file.Close(), os.Chmod(file.Name(), 0o755))
	}
	path, err = detectorBeside(named, arch)
	return path, false, err
}

func detectorBeside(named, arch string) (string, error) {
	if named == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		if self, err = filepath.EvalSymlinks(self); err != nil {
			return "", err
		}
		named = filepath.Join(filepath.Dir(self), "lifecycle", "detector")
	}
	program, err := os.ReadFile(named)
	if err != nil {
		return "", fmt.Errorf("%w; say with -detector where Prelude's is", err)
	}
	is, err := release.Architecture(program)
	if err != nil {
		return "", fmt.Errorf("%s: %w", named, err)
	}
	if is != arch {
		return "", fmt.Errorf("%s is for linux/%s, and modules run on linux/%s; say with -detector where one for that is", named, is, arch)
	}
	return named, nil
}
