package baseline

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// App has the names of the files of an app: at its top, and three levels below.
type App struct {
	// Top are the names at the top, directories with / behind them.
	Top []string
	// folders are those below the top, with the names of their files; the top is ".".
	folders map[string][]string
	dirs    []string
}

const (
	mostLevels  = 3
	mostEntries = 10_000
	mostFolders = 2_000
)

// Read reads names of files below a directory. It follows no links and reads no contents. It passes over hidden directories, those
// in which tools put what they download or make, and those with more than 10,000 entries.
func Read(dir string) App {
	a := App{folders: map[string][]string{}}
	a.read(dir, ".", 0)
	return a
}

func (a *App) read(root, dir string, level int) {
	entries, err := readDir(filepath.Join(root, dir))
	if err != nil || len(entries) > mostEntries || len(a.dirs) >= mostFolders {
		return
	}
	a.dirs = append(a.dirs, dir)
	for _, e := range entries {
		switch {
		case e.IsDir() && level == 0:
			a.Top = append(a.Top, e.Name()+"/")
		case level == 0:
			a.Top = append(a.Top, e.Name())
		}
		if e.Type().IsRegular() {
			a.folders[dir] = append(a.folders[dir], e.Name())
		}
	}
	for _, e := range entries {
		if e.IsDir() && level < mostLevels && !strings.HasPrefix(e.Name(), ".") && !slices.Contains([]string{"node_modules", "vendor", "target"}, e.Name()) {
			a.read(root, path.Join(dir, e.Name()), level+1)
		}
	}
}

// readDir reads the entries of a directory in the order of their names, one more than are looked at.
func readDir(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(mostEntries + 1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Has reports whether a name, or a name that fits a pattern, is at the top.
func (a App) Has(w Want) bool {
	return slices.ContainsFunc(a.folders["."], func(name string) bool { return fits(w, name) })
}

func fits(w Want, name string) bool {
	if !w.IsPattern() {
		return w.Name == name
	}
	ok, _ := path.Match(w.Name, name)
	return ok
}

// Hint says that something that modules look for has another place or another name.
type Hint struct {
	// Dir is the folder that has the Names, which the modules By look for; empty if the hint is about a name at the top.
	Dir   string
	Names []string
	By    []buildpack.Ref
	// Wanted is the name that modules look for instead of the one at the top.
	Wanted string
	// Exact is false if only patterns fit.
	Exact bool
}

// Hints are where the app has what modules look for: names at the top that differ from a wanted one by case or one letter first,
// then folders; those of tests last.
func (a App) Hints(wants []Want) []Hint {
	hints := a.misspelt(wants)
	folders := a.elsewhere(wants)
	slices.SortStableFunc(folders, func(x, y Hint) int {
		return cmp.Or(compare(isTest(x.Dir), isTest(y.Dir)), compare(!x.Exact, !y.Exact), cmp.Compare(strings.Count(x.Dir, "/"), strings.Count(y.Dir, "/")))
	})
	return append(hints, folders...)
}

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func isTest(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool {
		part = strings.ToLower(part)
		return strings.HasPrefix(part, "test") || strings.HasSuffix(part, "tests") || part == "spec" || part == "fixtures"
	})
}

// misspelt are the hints about names at the top.
func (a App) misspelt(wants []Want) []Hint {
	var hints []Hint
	for _, w := range wants {
		if w.IsPattern() || strings.Contains(w.Name, "/") || a.Has(w) {
			continue
		}
		for _, name := range a.folders["."] {
			if !strings.EqualFold(name, w.Name) && !oneEdit(name, w.Name) || slices.ContainsFunc(wants, func(o Want) bool { return o.Name == name }) {
				continue
			}
			hints = add(hints, Hint{Names: []string{name}, Wanted: w.Name, By: []buildpack.Ref{w.By}, Exact: true})
		}
	}
	return hints
}

// elsewhere are the hints about folders. A folder with a name that modules spell out hides what only patterns find in it and
// below. Patterns count only one level below the top: source files lie deep in many apps that modules do not look for.
func (a App) elsewhere(wants []Want) []Hint {
	var hints []Hint
	var exact []string
	for _, patterns := range []bool{false, true} {
		for _, dir := range a.dirs {
			if dir == "." || patterns && strings.Contains(dir, "/") || patterns && slices.ContainsFunc(exact, func(e string) bool { return dir == e || strings.HasPrefix(dir, e+"/") }) {
				continue
			}
			for _, w := range wants {
				if w.IsPattern() != patterns || a.Has(w) || strings.Contains(w.Name, "/") {
					continue
				}
				if i := slices.IndexFunc(a.folders[dir], func(name string) bool { return fits(w, name) }); i >= 0 {
					hints = add(hints, Hint{Dir: dir, Names: []string{a.folders[dir][i]}, By: []buildpack.Ref{w.By}, Exact: !patterns})
				}
			}
			if !patterns && slices.ContainsFunc(hints, func(h Hint) bool { return h.Dir == dir }) {
				exact = append(exact, dir)
			}
		}
	}
	return hints
}

// add adds a hint, or its names and modules to one about the same.
func add(hints []Hint, h Hint) []Hint {
	for i := range hints {
		same := &hints[i]
		if same.Dir != h.Dir || same.Wanted != h.Wanted || h.Dir == "" && same.Names[0] != h.Names[0] {
			continue
		}
		if !slices.Contains(same.Names, h.Names[0]) {
			same.Names = append(same.Names, h.Names[0])
		}
		if !slices.Contains(same.By, h.By[0]) {
			same.By = append(same.By, h.By[0])
		}
		return hints
	}
	return append(hints, h)
}

// oneEdit reports whether two names with the same ending and the same first letter differ by one letter: one more or one less, or
// in longer names another one or two that are swapped.
func oneEdit(a, b string) bool {
	if path.Ext(a) != path.Ext(b) {
		return false
	}
	a, b = strings.TrimSuffix(a, path.Ext(a)), strings.TrimSuffix(b, path.Ext(b))
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 3 || len(b)-len(a) > 1 || a[0] != b[0] {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	return len(a) >= 5 && i < len(a) && (a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:])
}
