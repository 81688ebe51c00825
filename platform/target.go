package platform

import (
	"cmp"
	"runtime"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// TargetOf is the target of the run image: what analyzed.toml says and, where it does not, what this system is. osRelease
// is the text of /etc/os-release, asked for only if analyzed.toml has no distribution.
func TargetOf(a Analyzed, osRelease func() []byte) buildpack.Target {
	target := a.RunImage.Target
	target.OS, target.Arch = cmp.Or(target.OS, "linux"), cmp.Or(target.Arch, runtime.GOARCH)
	if len(target.Distros) == 0 {
		if distro := ParseOSRelease(osRelease()); distro != (buildpack.Distro{}) {
			target.Distros = []buildpack.Distro{distro}
		}
	}
	return target
}

// ParseOSRelease takes ID and VERSION_ID from the text of an os-release file. Quotes are removed; malformed lines, with a
// quote that is not closed, are skipped; of repeated lines the last counts, as in a shell.
func ParseOSRelease(text []byte) buildpack.Distro {
	var distro buildpack.Distro
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if quote := value[:min(1, len(value))]; quote == `"` || quote == `'` {
			value, ok = strings.CutSuffix(value[1:], quote)
		}
		switch {
		case ok && name == "ID":
			distro.Name = value
		case ok && name == "VERSION_ID":
			distro.Version = value
		}
	}
	return distro
}
