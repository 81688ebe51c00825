// Package release is what the tools that make releases have in common: what is released, for which architectures, built how,
// and the form of reproducible archives.
package release

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/internal/api"
)

// Architectures are those of Linux for which there are releases.
var Architectures = []string{"amd64", "arm64", "ppc64le", "s390x"}

// Executables are the names of Prelude's own.
var Executables = []string{"detector", "generator"}

// Tools are the names of the programs that come with the executables in a release's archives: packages of the module tools.
var Tools = []string{"builder", "extend", "overlay", "try"}

// StampedVersion and StampedCommit say of which release the running tool is. The build stamps them.
var StampedVersion, StampedCommit = "0.0.0", ""

// Stamp is what a tool answers to -version, in the form in which the executables do.
func Stamp() string {
	if StampedCommit == "" {
		return StampedVersion
	}
	return StampedVersion + "+" + StampedCommit
}

// baseline fixes what the environment could otherwise choose for an architecture, at what all of its machines can do.
var baseline = map[string]string{"amd64": "GOAMD64=v1", "arm64": "GOARM64=v8.0", "ppc64le": "GOPPC64=power8"}

// Release says what is released.
type Release struct {
	// Source is the top of the repository.
	Source string
	// Version without "v", and the commit, as the executables tell them.
	Version, Commit string
	// Time is that of the commit; all files of the release have it.
	Time time.Time
	// Arches are the architectures to build for.
	Arches []string
}

// Flags defines the flags of a release, and returns what makes it of them when they are parsed.
func Flags(set *flag.FlagSet) func() (Release, error) {
	r := Release{}
	set.StringVar(&r.Source, "source", "..", "top of the repository")
	set.StringVar(&r.Version, "version", "0.0.0", "version, without v")
	set.StringVar(&r.Commit, "commit", "", "commit, as the executables tell it")
	arches := set.String("arch", strings.Join(Architectures, ","), "architectures of Linux, with commas between")
	return func() (Release, error) {
		r.Arches = strings.Split(*arches, ",")
		for _, arch := range r.Arches {
			if !slices.Contains(Architectures, arch) {
				return r, fmt.Errorf("unknown architecture %q; known are %s", arch, strings.Join(Architectures, ", "))
			}
		}
		var err error
		if r.Source, err = filepath.Abs(r.Source); err != nil {
			return r, err
		}
		r.Time, err = commitTime(r.Source)
		return r, err
	}
}

// commitTime is SOURCE_DATE_EPOCH or else the time of the commit that is checked out.
func commitTime(source string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.Command("git", "-C", source, "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("this is not a checkout of a commit; please set SOURCE_DATE_EPOCH to the time that the files are to have: %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH must be a number of seconds: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// Build builds executables, static and stripped, into a directory. Of the environment only where Go keeps and gets its
// things counts, so that the same commit and the same Go make the same bytes anywhere.
func (r Release) Build(arch, dir string) error {
	var tools []string
	for _, name := range Tools {
		tools = append(tools, "./"+name)
	}
	if err := r.build("linux", arch, dir, r.Source, []string{"-ldflags", r.stamp("cmd.Version", "cmd.Commit"), "./cmd/detector", "./cmd/generator"}); err != nil {
		return err
	}
	return r.build("linux", arch, dir, filepath.Join(r.Source, "tools"), append([]string{"-ldflags", r.toolStamp()}, tools...))
}

// Elsewhere are the systems where developers are, for which there is the tool try alone, with the detectors for Linux in it.
var Elsewhere = []string{"darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// BuildTry builds the tool try for a system of Elsewhere into a directory, and the detectors in it are those of directories, by
// architecture.
func (r Release) BuildTry(system, dir string, detectors map[string]string) error {
	replace := map[string]string{}
	for arch, path := range detectors {
		replace[filepath.Join(r.Source, "tools", "try", "detector-"+arch)] = path
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o644); err != nil {
		return err
	}
	defer os.Remove(overlay)
	goos, arch, _ := strings.Cut(system, "/")
	return r.build(goos, arch, dir, filepath.Join(r.Source, "tools"), []string{"-ldflags", r.toolStamp(), "-tags", "embedded", "-overlay", overlay, "./try"})
}

func (r Release) toolStamp() string {
	return r.stamp("tools/internal/release.StampedVersion", "tools/internal/release.StampedCommit")
}

// stamp has the linker set two variables.
func (r Release) stamp(version, commit string) string {
	const path = "github.com/cnb-prelude/prelude/"
	return fmt.Sprintf("-s -w -X %s%s=%s -X %s%s=%s", path, version, r.Version, path, commit, r.Commit)
}

func (r Release) build(goos, arch, dir, module string, args []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	build := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-o", dir + "/"}, args...)...)
	build.Dir = module
	build.Env = append(slices.DeleteFunc(os.Environ(), chosen), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if level := baseline[arch]; level != "" {
		build.Env = append(build.Env, level)
	}
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build for %s/%s: %w", goos, arch, err)
	}
	return nil
}

// chosen reports whether a variable is a choice about the code that comes out, made elsewhere.
func chosen(variable string) bool {
	for _, name := range []string{"GOAMD64", "GOARM64", "GOPPC64", "GOEXPERIMENT", "GOFIPS140", "GODEBUG", "CGO_ENABLED"} {
		if strings.HasPrefix(variable, name+"=") {
			return true
		}
	}
	return false
}

// Archive is the name of an architecture's archive.
func (r Release) Archive(arch string) string {
	return fmt.Sprintf("prelude-%s-linux-%s.tgz", r.Version, arch)
}

// ArchiveElsewhere is the name of the archive for a system of Elsewhere.
func (r Release) ArchiveElsewhere(system string) string {
	return fmt.Sprintf("prelude-try-%s-%s.tgz", r.Version, strings.ReplaceAll(system, "/", "-"))
}

// APIs are versions of an API, as descriptors of lifecycles list them.
type APIs struct {
	Deprecated []string `toml:"deprecated" json:"deprecated"`
	Supported  []string `toml:"supported" json:"supported"`
}

// Lists are the APIs of a lifecycle.
type Lists struct {
	Buildpack APIs `toml:"buildpack" json:"buildpack"`
	Platform  APIs `toml:"platform" json:"platform"`
}

// Descriptor is the lifecycle.toml of an archive.
type Descriptor struct {
	APIs      Lists `toml:"apis"`
	Lifecycle struct {
		Version string `toml:"version"`
	} `toml:"lifecycle"`
}

// Supported lists the APIs of Prelude, from the tables that the executables use.
func Supported() Lists {
	return Lists{
		Buildpack: APIs{Deprecated: []string{}, Supported: each(api.BuildpackAPIs())},
		Platform:  APIs{Deprecated: []string{}, Supported: each(api.PlatformAPIs())},
	}
}

// each lists the versions of a range.
func each(s api.Supported) []string {
	var list []string
	for v := s.Oldest; s.Has(v); v.Minor++ {
		list = append(list, v.String())
	}
	return list
}

// Descriptor is the lifecycle.toml of the release.
func (r Release) Descriptor() ([]byte, error) {
	d := Descriptor{APIs: Supported()}
	d.Lifecycle.Version = r.Version
	var text bytes.Buffer
	err := toml.NewEncoder(&text).Encode(d)
	return text.Bytes(), err
}

// Labels are those of an image, named as a lifecycle image's.
func (r Release) Labels() (map[string]string, error) {
	apis, err := json.Marshal(Supported())
	return map[string]string{
		"io.buildpacks.lifecycle.version":   r.Version,
		"io.buildpacks.lifecycle.apis":      string(apis),
		"org.opencontainers.image.title":    "Prelude",
		"org.opencontainers.image.version":  r.Version,
		"org.opencontainers.image.revision": r.Commit,
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.source":   "https://github.com/cnb-prelude/prelude",
	}, err
}

// Exit ends a tool that went wrong.
func Exit(tool string, err error) {
	fmt.Fprintf(os.Stderr, "ERROR: %s: %v\n", tool, err)
	os.Exit(1)
}
