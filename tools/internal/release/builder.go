package release

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Missing is an error if a lifecycle promises APIs that Prelude does not have, or does not say which it has: what it says becomes
// the word of the builder that it is in.
func Missing(theirs Lists) error {
	ours := Supported()
	for _, kind := range []struct {
		name         string
		theirs, ours APIs
	}{{"Buildpack", theirs.Buildpack, ours.Buildpack}, {"Platform", theirs.Platform, ours.Platform}} {
		if len(kind.theirs.Supported) == 0 {
			return fmt.Errorf("it does not list the %s APIs that its lifecycle supports ([apis.%s] supported)", kind.name, strings.ToLower(kind.name))
		}
		var missing []string
		for _, version := range slices.Concat(kind.theirs.Deprecated, kind.theirs.Supported) {
			if !slices.Contains(kind.ours.Supported, version) && !slices.Contains(missing, version) {
				missing = append(missing, version)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("it promises %s API %s, but Prelude has %s; please take another version of the lifecycle, or a newer Prelude",
				kind.name, strings.Join(missing, ", "), strings.Join(kind.ours.Supported, ", "))
		}
	}
	return nil
}

// Architecture is that of an ELF executable, as names of archives and configurations of images have it. What is no ELF file is an
// error.
func Architecture(executable []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(executable))
	if err != nil {
		return "", err
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	case elf.EM_S390:
		return "s390x", nil
	case elf.EM_PPC64:
		if f.ByteOrder == binary.LittleEndian {
			return "ppc64le", nil
		}
	}
	return f.Machine.String() + ", " + f.ByteOrder.String(), nil
}

// CheckLayout refuses a directory that is there and no OCI layout: it could be anything.
func CheckLayout(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return nil // to be made
	}
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		return fmt.Errorf("%s is there and no OCI layout; please remove it or name another directory", dir)
	}
	return nil
}

// ReplaceLayout lets write fill a directory beside dir, and then puts that in the place of dir (CheckLayout). On errors dir stays
// as it was.
func ReplaceLayout(dir string, write func(beside string) error) error {
	if err := CheckLayout(dir); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		dir = target // a link stays
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".layout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	beside, earlier := filepath.Join(work, "new"), filepath.Join(work, "earlier")
	if err := os.Mkdir(beside, 0o755); err != nil {
		return err
	}
	if err := write(beside); err != nil {
		return err
	}
	if err := os.Rename(dir, earlier); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(beside, dir); err != nil {
		return errors.Join(err, os.Rename(earlier, dir))
	}
	return nil
}
