package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// input is something that a module, an extension or an operator writes, as long as n says.
type input struct {
	name string
	// n is the smallest size; ten and a hundred times as much are measured, too.
	n int
	// write makes the input in a tree whose one buildpack copies <dir>/plan to its build plan, and whose one extension
	// copies <dir>/output.
	write func(t *tree, n int)
	args  []string
}

// fileOf returns a function that writes a file of a tree.
func fileOf(name string, text func(n int) string) func(*tree, int) {
	return func(t *tree, n int) { t.w.write(filepath.Join(filepath.Base(t.dir), name), 0o644, text(n)) }
}

func plan(text func(n int) string) func(*tree, int) { return fileOf("plan", text) }

func repeated(before, each, after string) func(int) string {
	return func(n int) string { return before + strings.Repeat(each, n) + after }
}

// numbered is a text for each number, where %[1]d stands for it.
func numbered(before, each string) func(int) string {
	return func(n int) string {
		var text strings.Builder
		text.WriteString(before)
		for i := range n {
			fmt.Fprintf(&text, each, i)
		}
		return text.String()
	}
}

const extending = "ARG base_image\nFROM ${base_image}\n"

// inputs are those that were found to cost more than in proportion to their size once, and others of the kind.
func inputs() []input {
	met := numbered("", "[[provides]]\nname = \"n%[1]d\"\n[[requires]]\nname = \"n%[1]d\"\n")
	env := func(t *tree, n int) {
		for i := range n {
			t.w.write(filepath.Join(filepath.Base(t.dir), "platform", "env", fmt.Sprint("V", i)), 0o644, strings.Repeat("x", 120<<10))
		}
	}
	generated := func(name string, text func(int) string) func(*tree, int) {
		return fileOf(filepath.Join("output", name), text)
	}
	return []input{
		{name: "build plan: unknown keys on one line", n: 160, write: plan(repeated("provides = [", "{a=1},", "]\n"))},
		{name: "build plan: unknown keys on lines of their own", n: 160, write: plan(repeated("", "[[provides]]\na=1\n", ""))},
		{name: "build plan: unknown keys, each of its own name", n: 160, write: plan(numbered("", "a%d = 1\n"))},
		{name: "build plan: `[[or]]`", n: 1400, write: plan(repeated("", "[[or]]\n", ""))},
		{name: "build plan: `or` of `{}`", n: 3400, write: plan(repeated("or = [", "{},", "]\n"))},
		{name: "build plan: names that are met", n: 100, write: plan(met)},
		{name: "build plan: names that are met, with a report", n: 100, write: plan(met), args: []string{"-report", "report.json"}},
		{name: "build plan: names that nothing requires", n: 100, write: plan(numbered("", "[[provides]]\nname = \"n%d\"\n"))},
		{name: "build plan: bytes of a name", n: 10000, write: plan(repeated("[[provides]]\nname = \"", "x", "\"\n"))},
		{name: "build plan: bytes of an unknown key", n: 10000, write: plan(repeated("", "x", " = 1\n"))},
		{name: "build plan: numbers in an array of metadata", n: 5000, write: plan(repeated("[[provides]]\nname = \"n\"\n[[requires]]\nname = \"n\"\n[requires.metadata]\na = [", "1,", "]\n"))},
		{name: "build plan: keys of metadata", n: 1000, write: plan(numbered("[[provides]]\nname = \"n\"\n[[requires]]\nname = \"n\"\n[requires.metadata]\n", "k%d = 1\n"))},
		{name: "build plan: lines that are wrong at the end", n: 5000, write: plan(repeated("", "# comment\n", "x = \n"))},
		{name: "descriptor: unknown keys", n: 160, write: fileOf("buildpacks/copy/1/buildpack.toml", numbered("api = \"0.10\"\n[buildpack]\nid = \"copy\"\nversion = \"1\"\n", "a%d = 1\n"))},
		{name: "descriptor: targets that do not match", n: 300, write: fileOf("buildpacks/copy/1/buildpack.toml", repeated("api = \"0.10\"\n[buildpack]\nid = \"copy\"\nversion = \"1\"\n", "[[targets]]\nos = \"x\"\n", ""))},
		{name: "order: unknown keys", n: 160, write: fileOf("order.toml", numbered("[[order]]\n[[order.group]]\nid = \"copy\"\nversion = \"1\"\n", "a%d = 1\n"))},
		{name: "order: groups of a module that is missing", n: 100, write: fileOf("order.toml", repeated("", "[[order]]\n[[order.group]]\nid = \"none\"\nversion = \"1\"\n", ""))},
		{name: "analyzed.toml: unknown keys", n: 160, write: fileOf("analyzed.toml", numbered("[run-image]\nreference = \"run\"\n[x]\n", "a%d = 1\n"))},
		{name: "variables of 120 KiB", n: 1, write: env},
		{name: "Dockerfile: `RUN x`", n: 90, write: generated("run.Dockerfile", repeated(extending, "RUN x\n", ""))},
		{name: "Dockerfile: lines of a here-document", n: 90, write: generated("run.Dockerfile", repeated(extending+"RUN <<EOF\n", "FROM x\n", "EOF\n"))},
		{name: "extend-config.toml: arguments that are not declared", n: 10, write: func(t *tree, n int) {
			generated("run.Dockerfile", repeated(extending, "RUN x\n", ""))(t, 1)
			generated("extend-config.toml", numbered("", "[[run.args]]\nname = \"a%d\"\nvalue = \"1\"\n"))(t, n)
		}},
		{name: "extend-config.toml: unknown keys", n: 160, write: func(t *tree, n int) {
			generated("run.Dockerfile", repeated(extending, "RUN x\n", ""))(t, 1)
			generated("extend-config.toml", numbered("", "a%d = 1\n"))(t, n)
		}},
	}
}

// bounds shows what inputs cost that grow by ten, twice.
func (w *world) bounds(match *regexp.Regexp) {
	fmt.Println("| input | size | " + strings.Join([]string{"detector, CPU time", "memory", "peer, CPU time", "memory"}, " | ") + " |\n|---|--:|--:|--:|--:|--:|")
	for i, in := range inputs() {
		if !match.MatchString(in.name) {
			continue
		}
		for n := in.n; n <= 100*in.n; n *= 10 {
			t := w.layInput(fmt.Sprint("bounds", i, "-", n), in, n)
			fmt.Printf("| %s | %d | %s | %s |\n", in.name, n, t.bounded(w.detector, in.args), t.bounded(w.peer, nil))
			check(os.RemoveAll(t.dir))
		}
	}
}

// layInput writes an order of a buildpack and an extension that copy the input.
func (w *world) layInput(name string, in input, n int) *tree {
	copied := filepath.Join(w.dir, name, "plan")
	t := w.lay(name, []group{{{id: "copy", script: "#!/bin/sh\n[ ! -e " + copied + " ] || cat " + copied + " > $2\n"}}})
	rel := func(path string) string { return filepath.Join(name, path) }
	w.write(rel("extensions/extend/1/extension.toml"), 0o644, "api = \"0.10\"\n[extension]\nid = \"extend\"\nversion = \"1\"\n")
	w.write(rel("extensions/extend/1/bin/generate"), 0o755, "#!/bin/sh\ncp "+filepath.Join(t.dir, "output")+"/* $1\n")
	check(os.Chmod(t.dir, 0o777)) // for analyzed.toml
	in.write(t, n)
	if _, err := os.Stat(filepath.Join(t.dir, "output")); err == nil {
		text, err := os.ReadFile(filepath.Join(t.dir, "order.toml"))
		check(err)
		w.write(rel("order.toml"), 0o644, string(text)+"[[order-extensions]]\n[[order-extensions.group]]\nid = \"extend\"\nversion = \"1\"\n")
		w.write(rel("extensions/extend/1/bin/detect"), 0o755, "#!/bin/sh\necho '[[provides]]\nname = \"x\"' > $2\n")
		w.write(rel("plan"), 0o644, "[[requires]]\nname = \"x\"\n")
	}
	return t
}

// bounded is a run of at most 30 seconds with at most 8 GB of address space: two cells of a table, whatever it ends with.
func (t *tree) bounded(detector string, args []string) string {
	if detector == "" {
		return "– | –"
	}
	spent := t.w.write("spent", 0o666, "")
	check(os.Chmod(spent, 0o666))
	c := t.detect(detector, args...)
	script := `ulimit -v 8000000; cd "$1"; shift; exec /usr/bin/time -q -f '%U %S %M %x' -o "$0" timeout 30 "$@"`
	c.argv = append([]string{"/bin/sh", "-c", script, spent, filepath.Join(t.dir, "layers")}, c.argv...)
	cmd := c.prepared()
	cmd.Env = append(cmd.Env, "CNB_EXPERIMENTAL_MODE=warn", "CNB_PLATFORM_API=0.13")
	cmd.Run() //nolint:errcheck // the table has the exit code
	text, err := os.ReadFile(spent)
	check(err)
	var user, system, kib float64
	var code int
	if _, err := fmt.Sscan(string(text), &user, &system, &kib, &code); err != nil {
		return "? | ?"
	}
	seconds := user + system // of CPU time: other programs do not matter for it
	ended := map[int]string{0: "", 124: " (ended)", 2: " (out of memory)"}
	if note, ok := ended[code]; ok {
		return fmt.Sprintf("%.2f s%s | %.0f MiB", seconds, note, kib/1024)
	}
	return fmt.Sprintf("%.2f s (exit %d) | %.0f MiB", seconds, code, kib/1024)
}
