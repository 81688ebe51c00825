package baseline

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// App has the names of the files of an app: at its top, and three levels below.
type App struct {
	// Dir is the directory of the app.
	Dir string
	// Top are the names at the top, directories with / behind them.
	Top []string
	// dirs are the directories, the top as ".", and files the names of the files in each.
	dirs  []string
	files map[string][]string
}

const (
	mostLevels  = 3
	mostEntries = 10_000
	mostDirs    = 2_000
)

// Read reads names of files below a directory. It follows no links and reads no contents. Below the top, it passes over hidden
// directories, those in which tools put what they download or make, and those with more than 10,000 entries.
func Read(dir string) App {
	a := App{Dir: dir, files: map[string][]string{}}
	a.read(dir, ".", 0)
	return a
}

func (a *App) read(root, dir string, level int) {
	entries := readDir(filepath.Join(root, dir))
	if level > 0 && len(entries) > mostEntries || len(a.dirs) == mostDirs {
		return
	}
	a.dirs = append(a.dirs, dir)
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.Type().IsRegular():
			a.files[dir] = append(a.files[dir], name)
		case e.IsDir():
			if level < mostLevels && name[0] != '.' && !slices.Contains([]string{"node_modules", "vendor", "target"}, name) {
				a.read(root, path.Join(dir, name), level+1)
			}
			name += "/"
		}
		if level == 0 {
			a.Top = append(a.Top, name)
		}
	}
}

// readDir reads the entries of a directory in the order of their names; of a large one not all.
func readDir(dir string) []fs.DirEntry {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	entries, _ := f.ReadDir(5 * mostEntries)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

// Has reports whether a name, or a name that fits a pattern, is at the top.
func (a App) Has(w Want) bool { return a.find(".", w) != "" }

// find is the first name in a directory that is wanted.
func (a App) find(dir string, w Want) string {
	for _, name := range a.files[dir] {
		if ok, _ := path.Match(w.Name, name); ok {
			return name
		}
	}
	return ""
}

// Hint is something that modules look for, in another directory or with another name.
type Hint struct {
	// Dir is the directory that has the Names, which the modules By look for; empty if the hint is about a name at the top.
	Dir   string
	Names []string
	By    []buildpack.Ref
	// Wanted is the name that modules look for instead of the one at the top.
	Wanted string
	Exact  bool // false if only patterns fit
}

// Hints are where the app has what modules look for: names at the top that nearly are a wanted one first, then directories;
// those of tests last.
func (a App) Hints(wants []Want) []Hint {
	missing := slices.DeleteFunc(slices.Clone(wants), func(w Want) bool { return a.Has(w) || strings.Contains(w.Name, "/") })
	var hints []Hint
	for _, name := range a.files["."] {
		wanted := slices.ContainsFunc(wants, func(w Want) bool { return w.Name == name })
		if h := misspelt(name, missing); !wanted && h.Wanted != "" {
			hints = append(hints, h)
		}
	}
	return append(hints, a.elsewhere(missing)...)
}

// rank orders directories: those of tests last, exact names before patterns, and near ones before deep ones.
func (h Hint) rank() int {
	n := strings.Count(h.Dir, "/")
	if !h.Exact {
		n += 10
	}
	if slices.ContainsFunc(strings.Split(strings.ToLower(h.Dir), "/"), tests().MatchString) {
		n += 100
	}
	return n
}

// tests are names of directories with tests.
var tests = tidy.Pattern(`^(test.*|.*tests|spec|fixtures)$`)

// misspelt is the hint about a name at the top that nearly is a wanted one.
func misspelt(name string, wants []Want) Hint {
	h := Hint{Names: []string{name}, Exact: true}
	for _, w := range wants {
		if (h.Wanted == "" || h.Wanted == w.Name) && !w.IsPattern() && nearly(name, w.Name) {
			h.Wanted, h.By = w.Name, append(h.By, w.By)
		}
	}
	return h
}

// elsewhere are the hints about directories. A name that modules spell out hides what patterns find in the same directory.
// Patterns count only one level below the top: source files lie deep in many apps that modules do not look for.
func (a App) elsewhere(wants []Want) []Hint {
	var hints []Hint
	for _, dir := range a.dirs[min(1, len(a.dirs)):] {
		h := Hint{Dir: dir}
		for _, w := range wants {
			name, exact := a.find(dir, w), !w.IsPattern()
			if name == "" || !exact && (h.Exact || strings.Contains(dir, "/")) {
				continue
			}
			if exact && !h.Exact {
				h = Hint{Dir: dir, Exact: true}
			}
			if !slices.Contains(h.Names, name) {
				h.Names = append(h.Names, name)
			}
			if !slices.Contains(h.By, w.By) {
				h.By = append(h.By, w.By)
			}
		}
		if len(h.Names) > 0 {
			hints = append(hints, h)
		}
	}
	slices.SortStableFunc(hints, func(x, y Hint) int { return x.rank() - y.rank() })
	return hints
}

// nearly reports whether a name differs from a wanted one by case, by one edit of the name or of its ending, or by .txt behind
// it, which editors add.
func nearly(name, wanted string) bool {
	if strings.EqualFold(name, wanted) || name == wanted+".txt" {
		return true
	}
	x, y := path.Ext(name), path.Ext(wanted)
	name, wanted = strings.TrimSuffix(name, x), strings.TrimSuffix(wanted, y)
	return x == y && oneEdit(name, wanted) || name == wanted && oneEdit(strings.TrimPrefix(x, "."), strings.TrimPrefix(y, "."))
}

// oneEdit reports whether two names with the same first letter differ by one letter that is inserted, deleted or replaced, or
// by two that are swapped. Short ones that differ by another letter are two words: app and api.
func oneEdit(a, b string) bool {
	short := min(len(a), len(b))
	if short < 3 || a[0] != b[0] || len(a) == len(b) && short < 5 {
		return false
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
