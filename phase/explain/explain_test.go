package explain

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/phase/baseline"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// sketch is an order, and what its modules answer. A group is a line such as "a b?", with a question mark for optional modules. An
// answer is "no: words", "error: words" or "pass +provides -requires: words".
type sketch struct {
	order []string
	// composites are the groups of each composite.
	composites map[string][]string
	here       map[string]string
	// empty are the answers in an empty directory where they are others; "late" if there is none.
	empty   map[string]string
	top     []string
	noHints bool
	// blind is true if the modules were not run in an empty directory.
	blind bool
}

func answered(text string) buildpack.Detection {
	kind, words, _ := strings.Cut(text, ": ")
	d := buildpack.Detection{Output: []byte(words)}
	switch {
	case kind == "no":
		d.Outcome, d.ExitCode = buildpack.Failed, 100
	case kind == "error":
		d.Outcome, d.ExitCode = buildpack.Errored, 1
	default:
		d.Outcome = buildpack.Passed
		var a buildpack.Alternative
		for _, word := range strings.Fields(kind)[1:] {
			if word[0] == '+' {
				a.Provides = append(a.Provides, word[1:])
			} else {
				a.Requires = append(a.Requires, buildpack.Require{Name: word[1:]})
			}
		}
		d.Alternatives = []buildpack.Alternative{a}
	}
	return d
}

func (k sketch) groups(lines []string) buildpack.Order {
	var o buildpack.Order
	for _, line := range lines {
		var g buildpack.Group
		for name := range strings.FieldsSeq(line) {
			name, optional := strings.CutSuffix(name, "?")
			g = append(g, buildpack.Element{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: name, Version: "1"}, Optional: optional})
		}
		o = append(o, g)
	}
	return o
}

func (k sketch) Module(ref buildpack.Ref) (*buildpack.Module, error) {
	m := &buildpack.Module{Ref: ref, API: api.V(0, 12)}
	m.Descriptor.Order = k.groups(k.composites[ref.ID])
	return m, nil
}

func (k sketch) Detect(needs []resolve.Need, _ resolve.Ahead) ([]buildpack.Detection, error) {
	var all []buildpack.Detection
	for _, n := range needs {
		all = append(all, answered(k.here[n.Module.ID]))
	}
	return all, nil
}

func (k sketch) Progress(ref buildpack.Ref) (buildpack.Detection, bool) {
	return answered(k.here[ref.ID]), true
}

func (k sketch) answer(t *testing.T) *resolve.Answer {
	t.Helper()
	a, err := resolve.Search(k.groups(k.order), nil, resolve.Limits{}, k)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (k sketch) why(t *testing.T) Explanation {
	t.Helper()
	in := Input{
		Answer: k.answer(t), Order: k.groups(k.order), App: baseline.App{Dir: "/workspace", Top: k.top},
		NoHints: k.noHints, Contrasts: map[buildpack.Ref]baseline.Contrast{},
	}
	if in.Answer.Resolution != nil {
		t.Fatal("a group passes")
	}
	for _, m := range in.Answer.Members {
		empty, differs := k.empty[m.Module.ID]
		if !differs {
			empty = k.here[m.Module.ID]
		}
		if !k.blind && empty != "late" {
			in.Contrasts[m.Module.Ref] = baseline.Compare(m.Detection, answered(empty))
		}
	}
	return Why(in)
}

// TestWhy: an order, and the words that say why none of its groups fits. Only the lines are listed that a case is about: each must
// be there, in this order; lines that begin with "never " must not.
func TestWhy(t *testing.T) {
	for name, c := range map[string]struct {
		sketch
		want []string
		why  string
	}{
		"recognised": {
			sketch{
				order: []string{"x/node x/npm", "x/ruby x/bundle", "x/go"},
				here:  map[string]string{"x/node": "pass", "x/npm": "no: no lock", "x/ruby": "pass", "x/bundle": "no: no Gemfile", "x/go": "no: no go.mod"},
				empty: map[string]string{"x/node": "no"},
			},
			[]string{"node needs npm, which did not pass: no lock", "  node is the closest match in this builder."},
			"both runtimes pass; only that of Node does so because of the app",
		},
		"nothing recognised": {
			sketch{
				order: []string{"x/node x/npm", "x/go"},
				here:  map[string]string{"x/node": "pass", "x/npm": "no: no package.json", "x/go": "no: no go.mod"}, top: []string{"README.md"},
			},
			[]string{"Nothing was recognised at the top of the app: README.md", "This builder can build:", "  npm            no package.json", "  go             no go.mod", "never closest"},
			"a module that passes for every app has not recognised this one",
		},
		"in most groups": {
			sketch{
				order: []string{"label node", "label go", "label ruby"},
				here:  map[string]string{"label": "pass", "node": "no", "go": "no", "ruby": "no"}, empty: map[string]string{"label": "no"}, top: []string{"Procfile"},
			},
			[]string{"Nothing was recognised at the top of the app: Procfile", "never closest"},
			"a module of more than half of the groups does not make one of them closer",
		},
		"optional alone": {
			sketch{
				order: []string{"git? go", "ruby", "php"},
				here:  map[string]string{"git": "pass", "go": "no", "ruby": "no", "php": "no"}, empty: map[string]string{"git": "no"}, top: []string{".git/", "a"},
			},
			[]string{"Nothing was recognised at the top of the app: .git/ a", "never closest"},
			"an optional module alone recognises no language",
		},
		"fewer are missing": {
			sketch{
				order: []string{"node lint test more", "node npm pip"},
				here:  map[string]string{"node": "pass", "lint": "no: no lint", "test": "no", "more": "no", "npm": "no: no lock", "pip": "no"}, empty: map[string]string{"node": "no"},
			},
			[]string{"node needs all of these, which did not pass:", "  npm – no lock", "never lint"},
			"of groups that recognise as much, the one that lacks the least is the closest",
		},
		"several are enough": {
			sketch{
				order: []string{"node npm", "node yarn"},
				here:  map[string]string{"node": "pass", "npm": "no: no package-lock.json", "yarn": "no: no yarn.lock"}, empty: map[string]string{"node": "no", "yarn": "no: other words"},
			},
			[]string{"node needs one of these, which did not pass:", "  yarn – no yarn.lock", "  npm – no package-lock.json"},
			"equally close variants are alternatives; the one with new words comes first",
		},
		"equal words": {
			sketch{
				order: []string{"node npm", "node yarn"},
				here:  map[string]string{"node": "pass", "npm": "no: no package.json", "yarn": "no: no package.json"}, empty: map[string]string{"node": "no"},
			},
			[]string{"node needs one of npm and yarn, which did not pass: no package.json"},
			"equal words are said once, with all who say them",
		},
		"an error": {
			sketch{
				order: []string{"node npm", "node start", "go"},
				here:  map[string]string{"node": "pass", "npm": "error: bad JSON", "start": "error: bad JSON", "go": "no"}, empty: map[string]string{"npm": "no: no package.json", "start": "no: no package.json"},
			},
			[]string{"npm failed: bad JSON", "  start says the same.", "  npm and start are the closest matches in this builder.", "  At the top of the app: "},
			"an error because of the app comes first, and once",
		},
		"one error of several modules": {
			sketch{
				order: []string{"run npm", "npm start?", "go", "py"},
				here:  map[string]string{"run": "error: bad JSON", "npm": "error: bad JSON", "start": "error: bad JSON", "go": "no", "py": "no"}, empty: map[string]string{"run": "no", "npm": "no", "start": "no"},
			},
			[]string{"npm failed: bad JSON", "  npm is the closest match in this builder."},
			"a file that more modules cannot read makes a group no closer",
		},
		"an error of another group": {
			sketch{
				order: []string{"x/node x/npm", "x/go"},
				here:  map[string]string{"x/node": "pass", "x/npm": "no: no lock", "x/go": "error: bad go.mod"},
				empty: map[string]string{"x/node": "no", "x/npm": "no: no lock", "x/go": "no: no go.mod"},
			},
			[]string{"go failed: bad go.mod", "  node and go are the closest matches in this builder."},
			"the closest group that is named first lacks another module",
		},
		"the builder's error": {
			sketch{
				order: []string{"node npm", "go"},
				here:  map[string]string{"node": "pass", "npm": "no: no lock", "go": "error: no compiler"}, empty: map[string]string{"node": "no"},
			},
			[]string{"node needs npm, which did not pass: no lock", "never go"},
			"an error that the empty directory has, too, says nothing of this app",
		},
		"the builder's error in every group": {
			sketch{order: []string{"policy node", "policy go"}, here: map[string]string{"policy": "error: no rules", "node": "no", "go": "no"}, top: []string{"a"}},
			[]string{"Nothing was recognised at the top of the app: a", "policy also fails in an empty directory, so this app is not the cause."},
			"no app can be built",
		},
		"an error without an answer": {
			sketch{
				order: []string{"node", "go"}, top: []string{"a"},
				here: map[string]string{"node": "no", "go": "error: no compiler"}, empty: map[string]string{"go": "late"},
			},
			[]string{"go failed: no compiler", "There was no time to run 1 module in an empty directory, so what the app has to do with the result is not known."},
			"the app may be the cause",
		},
		"no time": {
			sketch{
				order: []string{"node npm", "go"}, top: []string{"a"},
				here: map[string]string{"node": "pass", "npm": "no", "go": "no"}, empty: map[string]string{"node": "late", "go": "late"},
			},
			[]string{"There was no time to run 1 module in an empty directory, so what the app has to do with the result is not known."},
			"only those that passed might have recognised the app",
		},
		"no second run": {
			sketch{
				order: []string{"node npm", "go"}, top: []string{"a"}, blind: true,
				here: map[string]string{"node": "pass", "npm": "error: bad JSON", "go": "no"},
			},
			[]string{"npm failed: bad JSON", "never closest", "never no time"},
			"without one nothing is called closest",
		},
		"the plan alone": {
			sketch{
				order: []string{"node npm start?", "go"},
				here:  map[string]string{"node": "pass +node", "npm": "pass +modules -node", "start": "no: no start script", "go": "no"}, empty: map[string]string{"npm": "no", "start": "no: no package.json"},
			},
			[]string{`npm recognised the app, but npm provides "modules", which nothing after it requires.`, "  This module did not pass:", "    start – no start script"},
			"all required modules passed; what did not pass and has new words may be what is missing",
		},
		"a chain": {
			sketch{
				order: []string{"jdk jar war", "go"},
				here:  map[string]string{"jdk": "pass +jdk -certs", "jar": "pass +app -jdk", "war": "pass -app", "go": "no"}, empty: map[string]string{"jar": "no"},
			},
			[]string{`jar recognised the app, but jdk requires "certs", which nothing before it provides.`},
			"what the others lack follows from the first, and is not told again",
		},
		"passed, but complains": {
			sketch{
				order: []string{"py uv", "go"},
				here:  map[string]string{"py": "pass +py: lock must include python", "uv": "pass -uv", "go": "no"}, empty: map[string]string{"py": "no", "uv": "no"},
			},
			[]string{`py and uv recognised the app, but py provides "py", which nothing after it requires.`, "  py and uv are the closest matches in this builder. py (lock must include python) and uv recognised the app."},
			"what it complains of is quoted, though it passed",
		},
		"a mistyped name": {
			sketch{
				order: []string{"e? npm late?", "go"},
				here:  map[string]string{"e": "pass +nodes +python", "npm": "pass -node", "late": "pass +node2", "go": "no"}, empty: map[string]string{"npm": "no"},
			},
			[]string{`npm recognised the app, but npm requires "node", which nothing before it provides. Did you mean "nodes" (provided by e)?`},
			"the nearest name of a module before it",
		},
		"in the wrong sequence": {
			sketch{
				order: []string{"npm node", "go"},
				here:  map[string]string{"npm": "pass -node", "node": "pass +node", "go": "no"}, empty: map[string]string{"npm": "no"},
			},
			[]string{`npm recognised the app, but npm requires "node"; node provides it, but runs later.`, `  node provides "node"; npm requires it, but runs earlier.`},
			"nothing is missing; the order has to change",
		},
		"the provider drops out": {
			sketch{
				order: []string{"node? npm", "go"},
				here:  map[string]string{"npm": "pass -node", "node": "pass +node -engine", "go": "no"}, empty: map[string]string{"npm": "no"},
			},
			[]string{`npm recognised the app, but npm requires "node"; node provides it, but cannot take part.`, `    node requires "engine", which nothing before it provides.`},
			"the cause is what the provider lacks",
		},
		"an error of the closest group": {
			sketch{
				order: []string{"go", "node npm"},
				here:  map[string]string{"go": "error: bad go.mod", "node": "pass", "npm": "error: bad JSON"}, empty: map[string]string{"go": "no", "node": "no", "npm": "no"},
			},
			[]string{"npm failed: bad JSON", "go failed: bad go.mod"},
			"more of the app is for the second group",
		},
		"a composite": {
			sketch{
				order: []string{"x/nodejs", "x/go"}, composites: map[string][]string{"x/nodejs": {"x/node x/npm", "x/node x/yarn"}},
				here: map[string]string{"x/node": "pass", "x/npm": "no: a", "x/yarn": "no: b", "x/go": "no"}, empty: map[string]string{"x/node": "no"},
			},
			[]string{"nodejs needs one of these, which did not pass:"},
			"a group is called by its composite, without the organisation",
		},
		"only complaints": {
			sketch{
				order: []string{"node", "go"}, top: []string{"a"},
				here: map[string]string{"node": "no: expected BP_DIR [x] to exist", "go": "no: no go.mod"}, empty: map[string]string{"node": "no: no package.json"},
			},
			[]string{"Nothing was recognised at the top of the app: a", "  node says: expected BP_DIR [x] to exist"},
			"new words count where nothing else does",
		},
		"the file of a module, mistyped": {
			sketch{order: []string{"x/procfile"}, here: map[string]string{"x/procfile": "no: no file found"}, top: []string{"Dockerfile", "Profile"}},
			[]string{"  Profile is there, but the module procfile did not take it: no file found", "  Such files are found by the name Procfile. Rename it."},
			"one letter is missing; a Dockerfile is nothing like it",
		},
		"the own name": {
			sketch{order: []string{"x/procfile"}, here: map[string]string{"x/procfile": "no: no file found"}, top: []string{"procfile"}},
			[]string{"  procfile is there, but the module procfile did not take it: no file found", "  Such files are found by the name Procfile. Rename it."},
			"words must not contradict what lies there",
		},
		"no hints": {
			sketch{order: []string{"x/procfile"}, here: map[string]string{"x/procfile": "no: no file found"}, top: []string{"procfile"}, noHints: true},
			[]string{"never is there"},
			"a variable names where modules look",
		},
		"empty":       {sketch{order: []string{"go"}, here: map[string]string{"go": "no"}}, []string{"The app is empty: its directory has no files. Check which directory is built."}, "usually the wrong directory"},
		"hidden only": {sketch{order: []string{"go"}, here: map[string]string{"go": "no"}, top: []string{".git/"}}, []string{"The app has nothing but hidden files: .git/. Check which directory is built."}, "nothing was checked out"},
		"odd names":   {sketch{order: []string{"go"}, here: map[string]string{"go": "no"}, top: []string{"a\x1b[2Jb"}}, []string{`Nothing was recognised at the top of the app: "a\x1b[2Jb"`}, "names do not write on the terminal"},
		"a table": {
			sketch{
				order: []string{"node npm", "go"},
				here:  map[string]string{"node": "pass", "npm": "no: no lock\nBuild Configuration:\n$NPM_X false whether", "go": "no"}, empty: map[string]string{"node": "no"},
			},
			[]string{"node needs npm, which did not pass: no lock"},
			"rows of a table of variables are no reason",
		},
		"a table of a module that passed": {
			sketch{
				order: []string{"node npm", "go"},
				here:  map[string]string{"node": "pass: found package.json\nBuild Configuration:\n$NODE_X must be a version\nwarning: no engine", "npm": "no: no lock", "go": "no"}, empty: map[string]string{"node": "no"},
			},
			[]string{"node needs npm, which did not pass: no lock", "  node is the closest match in this builder. node (found package.json) recognised the app."},
			"neither rows of such a table nor warnings say what it has recognised",
		},
		"silent": {
			sketch{order: []string{"node npm", "go"}, here: map[string]string{"node": "pass", "npm": "no", "go": "no"}, empty: map[string]string{"node": "no"}},
			[]string{"node needs npm, which did not pass: exit code 100, no output"},
			"there is no reason to quote",
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines := c.sketch.why(t).Lines()
			rest := lines
			for _, want := range c.want {
				if words, never := strings.CutPrefix(want, "never "); never {
					if strings.Contains(strings.Join(lines, "\n"), words) {
						t.Errorf("%s; yet there is %q:\n%s", c.why, words, strings.Join(lines, "\n"))
					}
					continue
				}
				at := slices.Index(rest, want)
				if at < 0 {
					t.Fatalf("%s; no line, or not in this order: %q\n%s", c.why, want, strings.Join(lines, "\n"))
				}
				rest = rest[at+1:]
			}
			if !strings.HasPrefix(c.want[0], "never") && !strings.HasPrefix(c.want[0], " ") && !strings.Contains(c.want[0], "no time") && lines[0] != c.want[0] {
				t.Errorf("the verdict is %q", lines[0])
			}
		})
	}
}

func TestShortNames(t *testing.T) {
	k := sketch{order: []string{"acme/go other/go", "acme/ruby x.nodejs.runtime x.go.runtime"}, here: map[string]string{}}
	for id := range map[string]bool{"acme/go": true, "other/go": true, "acme/ruby": true, "x.nodejs.runtime": true, "x.go.runtime": true} {
		k.here[id] = "no"
	}
	n := newNames(Input{Answer: k.answer(t), Order: append(k.groups(k.order), buildpack.Group{{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "acme/ruby", Version: "2"}}})})
	for id, want := range map[string]string{
		"acme/go":          "acme/go",        // two ids end with it
		"other/go":         "other/go",       // so does this one
		"acme/ruby":        "ruby@1",         // two versions of it are in the order
		"x.nodejs.runtime": "nodejs.runtime", // dots part ids, too
		"x.go.runtime":     "go.runtime",
	} {
		if got := n.of(buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}); got != want {
			t.Errorf("%s is called %s, not %s", id, got, want)
		}
	}
}

func TestLeftOut(t *testing.T) {
	k := sketch{
		order: []string{"tini? node npm debug?"},
		here:  map[string]string{"tini": "pass +tini", "node": "pass +node", "npm": "pass -node", "debug": "pass -debugger"},
	}
	got := map[string]bool{}
	if a := k.answer(t); a.Resolution == nil {
		t.Fatalf("%+v", a.Members)
	}
	for _, l := range WhyLeftOut(k.answer(t)) {
		got[l.String()] = l.Matters()
	}
	want := map[string]bool{
		`tini@1 provides "tini", which nothing after it requires`:       false, // as in most builds
		`debug@1 requires "debugger", which nothing before it provides`: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCandidateLine(t *testing.T) {
	for _, c := range []struct{ group, want, why string }{
		{"a b?", "group 1 [a@1 b@1?]: a@1 did not pass", "an optional module is no reason"},
		{"p a", "group 1 [p@1 a@1]: a@1 did not pass", "all members, and those that are missing"},
		{"p r", `group 1 [p@1 r@1]: r@1 requires "y", which nothing before it provides`, "the plan alone"},
	} {
		k := sketch{order: []string{c.group}, here: map[string]string{"a": "no", "b": "no", "p": "pass", "r": "pass -y"}}
		if got := CandidateLine(k.answer(t).Candidates(0, 1)[0], false); got != c.want {
			t.Errorf("%s: %s", c.why, got)
		}
	}
	k := sketch{order: []string{"p"}, here: map[string]string{"p": "pass"}}
	if got := CandidateLine(k.answer(t).Candidates(0, 1)[0], true); got != "group 1 [p@1]: passed" {
		t.Error(got)
	}
}

// TestHintWords: only names that modules spell out are worth advice.
func TestHintWords(t *testing.T) {
	by := []buildpack.Ref{{ID: "x/php", Version: "1"}}
	e := Explanation{Hints: []baseline.Hint{{Dir: "web", Names: []string{"composer.json"}, By: by, Exact: true}, {Dir: "lib", Names: []string{"a.php"}, By: by}}}
	want := []string{"  web/ has composer.json, which x/php@1 looks for. If the app is in web/, build that directory (pack build --path web).", "  lib/ has a.php, which x/php@1 looks for."}
	if diff := cmp.Diff(want, e.hints()); diff != "" {
		t.Error(diff)
	}
}
