package platform

import (
	"runtime"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// TargetOf is the target of the run image: what analyzed.toml says and, where it does not, what this system is. osRelease
// is the text of /etc/os-release, asked for only if analyzed.toml has no distribution.
func TargetOf(a Analyzed, osRelease func() []byte) buildpack.Target {
	var target buildpack.Target
	if a.RunImage != nil {
		target = a.RunImage.Target
	}
	if target.OS == "" {
		target.OS = "linux"
	}
	if target.Arch == "" {
		target.Arch = runtime.GOARCH
	}
	if len(target.Distros) == 0 {
		if distro := ParseOSRelease(osRelease()); distro != (buildpack.Distro{}) {
			target.Distros = []buildpack.Distro{distro}
		}
	}
	return target
}

// ParseOSRelease takes ID and VERSION_ID from the text of an os-release file. Quotes are removed, malformed lines
// skipped; of repeated lines the last counts, as in a shell.
func ParseOSRelease(text []byte) buildpack.Distro {
	var distro buildpack.Distro
	for _, line := range strings.Split(string(text), "\n") {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		if value, ok = unquote(value); !ok {
			continue
		}
		switch name {
		case "ID":
			distro.Name = value
		case "VERSION_ID":
			distro.Version = value
		}
	}
	return distro
}

// unquote removes single or double quotes around a value; a quote without its partner is malformed.
func unquote(value string) (string, bool) {
	for _, quote := range []string{`"`, `'`} {
		inner, opened := strings.CutPrefix(value, quote)
		if !opened {
			continue
		}
		inner, closed := strings.CutSuffix(inner, quote)
		return inner, closed
	}
	return value, true
}
