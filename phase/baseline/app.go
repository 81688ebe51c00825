package baseline

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/similar"
)

// App has the names of the files of an app: at its top, and three levels below.
type App struct {
	// Top are the names at the top, directories with / behind them.
	Top []string
	// folders are those below the top, in the order of dirs, with the names of their files; the top is ".".
	folders map[string][]string
	dirs    []string
}

const (
	mostLevels  = 3
	mostEntries = 10_000
	mostFolders = 2_000
)

// Read reads names of files below a directory. It follows no links and reads no contents. Below the top, it passes over hidden
// directories, those in which tools put what they download or make, and those with more than 10,000 entries.
func Read(dir string) App {
	a := App{folders: map[string][]string{}}
	a.read(dir, ".", 0)
	return a
}

func (a *App) read(root, dir string, level int) {
	entries := readDir(filepath.Join(root, dir))
	if level > 0 && len(entries) > mostEntries || len(a.dirs) == mostFolders {
		return
	}
	a.dirs = append(a.dirs, dir)
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() {
			a.folders[dir] = append(a.folders[dir], name)
		} else if e.IsDir() {
			name += "/"
		}
		if level == 0 {
			a.Top = append(a.Top, name)
		}
	}
	for _, e := range entries {
		if e.IsDir() && level < mostLevels && !strings.HasPrefix(e.Name(), ".") && !slices.Contains([]string{"node_modules", "vendor", "target"}, e.Name()) {
			a.read(root, path.Join(dir, e.Name()), level+1)
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
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries
}

// Has reports whether a name, or a name that fits a pattern, is at the top.
func (a App) Has(w Want) bool { return a.find(".", w) != "" }

// find is the first name in a folder that is wanted.
func (a App) find(dir string, w Want) string {
	for _, name := range a.folders[dir] {
		if ok, _ := path.Match(w.Name, name); ok {
			return name
		}
	}
	return ""
}

// Hint says that something that modules look for has another place or another name.
type Hint struct {
	// Dir is the folder that has the Names, which the modules By look for; empty if the hint is about a name at the top.
	Dir   string
	Names []string
	By    []buildpack.Ref
	// Wanted is the name that modules look for instead of the one at the top.
	Wanted string
	Exact  bool // false if only patterns fit
}

// Hints are where the app has what modules look for: names at the top that nearly are a wanted one first, then folders; those of
// tests last.
func (a App) Hints(wants []Want) []Hint {
	missing := slices.DeleteFunc(slices.Clone(wants), func(w Want) bool { return a.Has(w) || strings.Contains(w.Name, "/") })
	var hints []Hint
	for _, name := range a.folders["."] {
		if !slices.ContainsFunc(wants, func(w Want) bool { return w.Name == name }) {
			hints = misspelt(hints, name, missing)
		}
	}
	folders := a.elsewhere(missing)
	slices.SortStableFunc(folders, func(x, y Hint) int { return x.rank() - y.rank() })
	return append(hints, folders...)
}

// rank orders folders: those of tests last, exact names before patterns, and near ones before deep ones.
func (h Hint) rank() int {
	n := strings.Count(h.Dir, "/")
	if !h.Exact {
		n += 10
	}
	if slices.ContainsFunc(strings.Split(strings.ToLower(h.Dir), "/"), tests.MatchString) {
		n += 100
	}
	return n
}

// tests are names of directories with tests.
var tests = regexp.MustCompile(`^(test.*|.*tests|spec|fixtures)$`)

// misspelt adds a hint if a name at the top nearly is a wanted one.
func misspelt(hints []Hint, name string, wants []Want) []Hint {
	h := Hint{Names: []string{name}, Exact: true}
	for _, w := range wants {
		if (h.Wanted == "" || h.Wanted == w.Name) && !w.IsPattern() && nearly(name, w.Name) {
			h.Wanted, h.By = w.Name, appendNew(h.By, w.By)
		}
	}
	if h.Wanted == "" {
		return hints
	}
	return append(hints, h)
}

// elsewhere are the hints about folders. A name that modules spell out hides what patterns find in the same folder. Patterns count
// only one level below the top: source files lie deep in many apps that modules do not look for.
func (a App) elsewhere(wants []Want) []Hint {
	var hints []Hint
	for _, dir := range a.dirs[min(1, len(a.dirs)):] {
		for _, exact := range []bool{true, false} {
			h := Hint{Dir: dir, Exact: exact}
			for _, w := range wants {
				if name := a.find(dir, w); name != "" && w.IsPattern() != exact {
					h.Names, h.By = appendNew(h.Names, name), appendNew(h.By, w.By)
				}
			}
			if len(h.Names) > 0 {
				hints = append(hints, h)
			}
			if len(h.Names) > 0 || strings.Contains(dir, "/") {
				break
			}
		}
	}
	return hints
}

func appendNew[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

// nearly reports whether a name differs from a wanted one by case, by one edit of the name or of its ending, or by .txt behind it,
// which editors add.
func nearly(name, wanted string) bool {
	if strings.EqualFold(name, wanted) || name == wanted+".txt" {
		return true
	}
	x, y := path.Ext(name), path.Ext(wanted)
	name, wanted = strings.TrimSuffix(name, x), strings.TrimSuffix(wanted, y)
	return x == y && oneEdit(name, wanted) || name == wanted && oneEdit(strings.TrimPrefix(x, "."), strings.TrimPrefix(y, "."))
}

// oneEdit reports whether two names with the same first letter differ by one letter. Short ones that differ by another letter are
// two words: app and api.
func oneEdit(a, b string) bool {
	short := min(len(a), len(b))
	return short >= 3 && a[0] == b[0] && (len(a) != len(b) || short >= 5) && similar.OneEdit(a, b)
}
