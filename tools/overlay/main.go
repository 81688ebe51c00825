// Command overlay puts Prelude's detector and generator into the archive of a lifecycle, as builders are made from: detector
// takes the place of the one that is there, generator stands beside it, and everything else stays as it is, byte for byte.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

const usage = `overlay puts Prelude's detector and generator into the archive of a lifecycle.

Usage: overlay -lifecycle <lifecycle.tgz> -o <new.tgz>

`

func main() {
	lifecycle := flag.String("lifecycle", "", "the archive of a lifecycle (.tgz), as builder.toml names it under [lifecycle] uri (required)")
	out := flag.String("o", "", "the new archive (required); it may be the same one, which is replaced then")
	executables := flag.String("executables", "", "the directory with Prelude's detector and generator (default: lifecycle/ beside this program)")
	version := flag.Bool("version", false, "print the version and exit")
	release.ParseFlags("overlay", usage, "")
	if *version {
		fmt.Println(release.Stamp())
		return
	}
	if *lifecycle == "" {
		release.WrongUse("overlay", errors.New("-lifecycle is missing, the archive of a lifecycle"))
	}
	if *out == "" {
		release.WrongUse("overlay", errors.New("-o is missing, the path of the new archive"))
	}
	if err := run(*lifecycle, *executables, *out, os.Stdout); err != nil {
		release.Exit("overlay", err)
	}
}

// run writes the new archive and says on say what it has done. The archive is whole or untouched, also if it takes the place of
// the one that it is made from.
func run(lifecycle, executables, out string, say io.Writer) error {
	if executables == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		executables = filepath.Join(filepath.Dir(self), "lifecycle")
	}
	ours := map[string][]byte{}
	for _, name := range release.Executables {
		data, err := os.ReadFile(filepath.Join(executables, name))
		if err != nil {
			return fmt.Errorf("%w; give the directory of Prelude's executables with -executables", err)
		}
		ours[name] = data
	}
	packed, err := os.ReadFile(lifecycle)
	if err != nil {
		return err
	}
	plain, err := release.Gunzip(packed)
	if err != nil {
		return fmt.Errorf("%s is not a .tgz: %w", lifecycle, err)
	}
	result, done, err := overlay(plain, ours)
	if err != nil {
		return fmt.Errorf("%s: %w", lifecycle, err)
	}
	if packed, err = release.Gzip(result); err != nil {
		return err
	}
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file; please name another one with -o", out)
	}
	if err := release.WriteFile(out, packed); err != nil {
		return err
	}
	if same(lifecycle, out) {
		done = append(done, fmt.Sprintf("replaced %s itself: it was read and written, and the archive without Prelude is gone", lifecycle))
	}
	for _, line := range done {
		fmt.Fprintln(say, line)
	}
	return nil
}

// same reports whether two paths lead to the same file, whatever links and other spellings there are on the way.
func same(path, other string) bool {
	one, err := os.Stat(path)
	two, otherErr := os.Stat(other)
	return err == nil && otherErr == nil && os.SameFile(one, two)
}

// overlay returns the archive with our executables in it, and in words what it did.
func overlay(archive []byte, ours map[string][]byte) (result []byte, done []string, err error) {
	entries, end, err := split(archive)
	if err != nil {
		return nil, nil, err
	}
	if err := supported(entries); err != nil {
		return nil, nil, err
	}
	for _, name := range []string{"lifecycle/detector", "lifecycle/launcher"} { // Prelude's own archive has no launcher
		if find(entries, name) < 0 {
			return nil, nil, fmt.Errorf("it has no %s; is it the archive of a whole lifecycle?", name)
		}
	}
	detector := find(entries, "lifecycle/detector")
	if err := sameMachine(entries, detector, ours["detector"]); err != nil {
		return nil, nil, err
	}
	for _, name := range release.Executables {
		line, changed, err := put(entries, detector, "lifecycle/"+name, ours[name])
		if err != nil {
			return nil, nil, err
		}
		entries, done = changed, append(done, line)
	}
	var out bytes.Buffer
	for _, e := range entries {
		out.Write(e.raw)
	}
	out.Write(end)
	return out.Bytes(), done, nil
}

// supported demands that we have all APIs that the archive promises: what its descriptor says becomes the builder's word.
func supported(entries []entry) error {
	at := find(entries, "lifecycle.toml")
	if at < 0 {
		return fmt.Errorf("it has no lifecycle.toml; is it the archive of a whole lifecycle?")
	}
	var theirs release.Descriptor
	if _, err := toml.Decode(string(entries[at].data), &theirs); err != nil {
		return fmt.Errorf("lifecycle.toml: %w", err)
	}
	if err := release.Missing(theirs.APIs); err != nil {
		return fmt.Errorf("lifecycle.toml: %w", err)
	}
	return nil
}

// sameMachine demands that an executable is for the same machine as the one that it replaces, if that is an ELF file.
func sameMachine(entries []entry, at int, ours []byte) error {
	theirs, err := release.Architecture(content(entries, at))
	if err != nil {
		return nil // a script, say
	}
	mine, err := release.Architecture(ours)
	if err != nil {
		return fmt.Errorf("our own detector: %w", err)
	}
	if mine != theirs {
		return fmt.Errorf("it is for %s, but Prelude's detector is for %s; please take both for the same architecture, or say with -executables where the others are", theirs, mine)
	}
	return nil
}
