// Command builder puts Prelude's detector and generator into a builder image, or the image of a lifecycle, as one layer more, without
// making it anew; or takes them out again. Images are in a registry, in a Docker daemon, or OCI layouts on disk.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

const usage = `builder puts Prelude's detector and generator into a builder image, as one layer more.

Usage: builder -from <image> -to <image>

An image is one of
  <name>             in a registry, with the credentials that docker and others use (~/.docker/config.json)
  daemon:<name>      in Docker
  layout:<directory> an OCI layout on disk

It may be a builder, or the image of a lifecycle. All images of an image index are changed. Everything else stays as it is.

`

const example = `
Examples:
  builder -from registry.example/builder:noble -to registry.example/builder:noble-prelude
  builder -undo -from registry.example/builder:noble-prelude -to registry.example/builder:noble

Documentation: https://github.com/cnb-prelude/prelude/tree/main/docs/operators/install.md
`

func main() {
	from := flag.String("from", "", "the builder, an `image` (required)")
	to := flag.String("to", "", "the new builder, an `image` (required); it may be the same one, which is replaced then")
	undo := flag.Bool("undo", false, "remove Prelude: the builder is as it was before, with the same digest")
	var directories list
	flag.Var(&directories, "executables", "a `directory` with Prelude's detector and generator (default: lifecycle/ beside this program); once for each architecture")
	version := flag.Bool("version", false, "print the version and exit")
	release.ParseFlags("builder", usage, example)
	switch {
	case *version:
		fmt.Println(release.Stamp())
		return
	case *from == "":
		release.WrongUse("builder", errors.New("-from is missing, the builder image to start from"))
	case *to == "":
		release.WrongUse("builder", errors.New("-to is missing, the name of the new builder image"))
	}
	if err := run(*from, *to, *undo, directories, os.Stdout); err != nil {
		release.Exit("builder", err)
	}
}

// list is a flag that can be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// run makes the new builder, and prints what it did. The new image is complete or untouched.
func run(from, to string, undo bool, directories []string, say io.Writer) error {
	source, err := parsePlace(from)
	if err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	target, err := parsePlace(to)
	if err != nil {
		return fmt.Errorf("-to: %w", err)
	}
	if docker, ok := source.(inDaemon); ok {
		_, docker.plain = target.(inDaemon)
		source = docker
	}
	change := takeOut
	if !undo {
		ours, err := readExecutables(directories)
		if err != nil {
			return err
		}
		change = ours.putInto
	}
	found, err := source.read()
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	made, lines, err := found.each(change)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	digest, err := target.write(made)
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	lines = append(lines, fmt.Sprintf("%s is %s", to, digest))
	if !undo && made.isBuilder() {
		lines = append(lines, target.use())
	}
	for _, line := range lines {
		fmt.Fprintln(say, line)
	}
	return nil
}

// executables are Prelude's own, by architecture.
type executables map[string]map[string][]byte

// readExecutables reads those of each directory. Which architecture they are for is what they say themselves.
func readExecutables(directories []string) (executables, error) {
	if len(directories) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		directories = []string{filepath.Join(filepath.Dir(self), "lifecycle")}
	}
	found := executables{}
	for _, dir := range directories {
		files := map[string][]byte{}
		for _, name := range release.Executables {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return nil, fmt.Errorf("%w; give the directory of Prelude's executables with -executables", err)
			}
			files[name] = data
		}
		arch, err := architecture(dir, files)
		if err != nil {
			return nil, err
		}
		if _, twice := found[arch]; twice {
			return nil, fmt.Errorf("-executables: there are several directories for %s", arch)
		}
		found[arch] = files
	}
	return found, nil
}

// architecture is the one that all executables of a directory are for.
func architecture(dir string, files map[string][]byte) (string, error) {
	common := ""
	for _, name := range release.Executables {
		arch, err := release.Architecture(files[name])
		if err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		if common != "" && arch != common {
			return "", fmt.Errorf("-executables: in %s, %s is for %s, and others are for %s", dir, name, arch, common)
		}
		common = arch
	}
	return common, nil
}

// stamp is what is put into a builder, as its label says it.
type stamp struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	// From is the digest of the image as it was; of one in Docker, its id.
	From string `json:"from"`
	// Layer is the uncompressed digest of the layer that was added.
	Layer string `json:"layer"`
}
