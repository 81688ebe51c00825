// Command dist makes the release: for each architecture an archive with the executables, their bills of materials, a
// descriptor of the supported APIs and the tools that put them into a builder; and the checksums of all. The same commit
// makes the same bytes with the same Go. `make dist` calls it.
package main

import (
	"crypto/sha256"
	_ "embed"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

//go:embed README.md
var readme []byte

func main() {
	out := flag.String("o", "../dist", "directory for the release")
	flags := release.Flags(flag.CommandLine)
	release.ParseFlags("dist", "Usage: dist [option]...\n", "")
	r, err := flags()
	if err == nil {
		err = dist(r, *out)
	}
	if err != nil {
		release.Exit("dist", err)
	}
}

// dist makes the archives and the checksums.
func dist(r release.Release, out string) error {
	if changes, err := exec.Command("git", "-C", r.Source, "status", "--porcelain").Output(); err == nil && len(changes) > 0 {
		fmt.Fprintln(os.Stderr, "Warning: there are changes that are not committed; what this makes is not what the commit would")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	earlier, err := filepath.Glob(filepath.Join(out, "prelude-*.tgz"))
	if err != nil {
		return err
	}
	for _, path := range earlier {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp("", "prelude-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var sums strings.Builder
	put := func(name string, archive []byte, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive), name)
		return release.WriteFile(filepath.Join(out, name), archive)
	}
	detectors := map[string]string{}
	for _, arch := range r.Arches {
		dir := filepath.Join(work, arch)
		detectors[arch] = filepath.Join(dir, "detector")
		archive, err := pack(r, arch, dir)
		if err := put(r.Archive(arch), archive, err); err != nil {
			return err
		}
	}
	maps.DeleteFunc(detectors, func(arch, _ string) bool { return arch != "amd64" && arch != "arm64" })
	for _, system := range release.Elsewhere {
		if len(detectors) < 2 {
			break // a part of a release
		}
		archive, err := packTry(r, system, filepath.Join(work, system), detectors)
		if err := put(r.ArchiveElsewhere(system), archive, err); err != nil {
			return err
		}
	}
	fmt.Print(sums.String())
	return release.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()))
}

// packTry makes the archive of try for another system than Linux.
func packTry(r release.Release, system, dir string, detectors map[string]string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := r.BuildTry(system, dir, detectors); err != nil {
		return nil, err
	}
	program := "try"
	if strings.HasPrefix(system, "windows/") {
		program += ".exe"
	}
	return archive(r, dir, nil, []string{program})
}

// pack makes the archive of an architecture.
func pack(r release.Release, arch, dir string) ([]byte, error) {
	if err := r.Build(arch, dir); err != nil {
		return nil, err
	}
	descriptor, err := r.Descriptor()
	if err != nil {
		return nil, err
	}
	files := []release.File{{Name: "README.md", Data: readme}, {Name: "lifecycle.toml", Data: descriptor}}
	return archive(r, dir, files, append([]string{"lifecycle/detector", "lifecycle/generator"}, release.Tools...))
}

// archive makes an archive of files and of programs of a directory, with the programs' bills of materials and all licences.
func archive(r release.Release, dir string, files []release.File, programs []string) ([]byte, error) {
	licence, err := os.ReadFile(filepath.Join(r.Source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	files = append(files, release.File{Name: "LICENSE", Data: licence})
	notices := map[string]release.File{}
	for _, name := range programs {
		path := filepath.Join(dir, filepath.Base(name))
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		bill, texts, err := bom(r, path, data)
		if err != nil {
			return nil, fmt.Errorf("bill of materials of %s: %w", name, err)
		}
		files = append(files, release.File{Name: name, Data: data, Executable: true}, release.File{Name: name + ".sbom.cdx.json", Data: bill})
		maps.Copy(notices, texts)
	}
	// Go's own is word for word that of what the Go project keeps beside it, and not all distributions of Go bring it along.
	gos, ok := notices["licenses/golang.org/x/sys/LICENSE"]
	if !ok {
		return nil, fmt.Errorf("nothing has the licence of Go's standard library")
	}
	gos.Name = "licenses/std/LICENSE"
	notices[gos.Name] = gos
	for _, f := range notices {
		files = append(files, f)
	}
	tar, err := release.Tar(files, r.Time)
	if err != nil {
		return nil, err
	}
	return release.Gzip(tar)
}
