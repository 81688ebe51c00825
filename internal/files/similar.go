package files

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/internal/similar"
)

// Similar returns the name of an entry beside a missing path that was probably meant to be it, such as "detect.sh" or
// "Detect" for "detect"; empty if there is none.
func Similar(path string) string {
	entries, _ := os.ReadDir(filepath.Dir(path)) // a directory that cannot be read has no names to offer
	names := map[string]string{}
	var stems []string
	for _, entry := range entries {
		if s := stem(entry.Name()); s != "" && names[s] == "" { // hidden files have no stem
			names[s] = entry.Name()
			stems = append(stems, s)
		}
	}
	found, _ := similar.Closest(stem(path), stems)
	return names[found]
}

// stem returns the name at the end of a path, without its suffix.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
