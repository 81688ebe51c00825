package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// element is a module of a group as the scenarios write it: made once by name, and the same wherever the name comes again.
type element struct {
	id string
	// script is the text of bin/detect; empty for a composite, whose groups are in order then.
	script   string
	optional bool
	order    []group
	// compiled is an executable that bin/detect links to, instead of a script.
	compiled string
}

type group []element

// tree is an order on disk.
type tree struct {
	dir string
	w   *world
	// groups are the paths of the bin/detect that group after group, each new module once, would be started.
	groups [][]string
}

// lay writes an order with its modules to a directory.
func (w *world) lay(name string, order []group) *tree {
	t := &tree{dir: filepath.Join(w.dir, name), w: w}
	rel := func(parts ...string) string { return filepath.Join(append([]string{name}, parts...)...) }
	for _, dir := range []string{"app", "platform", "layers", "extensions"} {
		check(os.MkdirAll(filepath.Join(t.dir, dir), 0o755))
	}
	check(os.Chmod(filepath.Join(t.dir, "layers"), 0o777))
	w.write(rel("order.toml"), 0o644, text(order))
	w.write(rel("analyzed.toml"), 0o644, "[run-image]\nreference = \"run\"\nimage = \"run\"\n[run-image.target]\nos = \"linux\"\narch = \"amd64\"\n[run-image.target.distro]\nname = \"any\"\nversion = \"1\"\n")
	w.write("plan", 0o666, "")
	check(os.Chmod(filepath.Join(w.dir, "plan"), 0o666))
	seen := map[string]bool{}
	for _, g := range order {
		t.groups = append(t.groups, t.make(name, g, seen))
	}
	return t
}

// make writes the modules of a group, and lists those that are new.
func (t *tree) make(name string, g group, seen map[string]bool) (fresh []string) {
	for _, e := range g {
		if seen[e.id] {
			continue
		}
		seen[e.id] = true
		dir := filepath.Join(name, "buildpacks", e.id, "1")
		descriptor := fmt.Sprintf("api = \"0.10\"\n[buildpack]\nid = %q\nversion = \"1\"\n%s", e.id, text(e.order))
		if len(e.order) == 0 {
			descriptor += "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"
		}
		t.w.write(filepath.Join(dir, "buildpack.toml"), 0o644, descriptor)
		detect := filepath.Join(t.w.dir, dir, "bin", "detect")
		switch {
		case e.compiled != "":
			check(os.MkdirAll(filepath.Dir(detect), 0o755))
			check(os.Symlink(e.compiled, detect))
			fresh = append(fresh, detect)
		case e.script != "":
			t.w.write(filepath.Join(dir, "bin", "detect"), 0o755, e.script)
			fresh = append(fresh, detect)
		}
		for _, inner := range e.order {
			fresh = append(fresh, t.make(name, inner, seen)...)
		}
	}
	return fresh
}

func text(order []group) string {
	var text strings.Builder
	for _, g := range order {
		text.WriteString("[[order]]\n")
		for _, e := range g {
			fmt.Fprintf(&text, "[[order.group]]\nid = %q\nversion = \"1\"\noptional = %t\n", e.id, e.optional)
		}
	}
	return text.String()
}

// detect is a detector's run over the order.
func (t *tree) detect(detector string, args ...string) command {
	path := func(name string) string { return filepath.Join(t.dir, name) }
	env := []string{
		"CNB_PLATFORM_API=0.12", "CNB_APP_DIR=" + path("app"), "CNB_BUILDPACKS_DIR=" + path("buildpacks"),
		"CNB_EXTENSIONS_DIR=" + path("extensions"), "CNB_PLATFORM_DIR=" + path("platform"), "CNB_LAYERS_DIR=" + path("layers"),
		"CNB_ORDER_PATH=" + path("order.toml"), "CNB_ANALYZED_PATH=" + path("analyzed.toml"), "CNB_BUILD_CONFIG_DIR=" + path("none"),
	}
	if t.w.scratch != "" {
		env = append(env, "TMPDIR="+t.w.scratch)
	}
	return command{argv: append([]string{detector}, args...), env: env}
}

// xargs starts the same modules, so many at the same time, group after group: each group is waited for. Scripts are given
// to the shell that their first line names, because xargs cannot put an argument in the place of the command.
func (t *tree) xargs(parallel int) command {
	var script strings.Builder
	for i, g := range t.groups {
		list := filepath.Join(t.dir, fmt.Sprintf("group%d", i))
		var lines strings.Builder
		command := "sh"
		for _, path := range g {
			if target, err := os.Readlink(path); err == nil {
				command, path = target, ""
			}
			fmt.Fprintln(&lines, strings.TrimSpace(path+" "+filepath.Join(t.dir, "platform")+" "+filepath.Join(t.w.dir, "plan")))
		}
		check(os.WriteFile(list, []byte(lines.String()), 0o644))
		fmt.Fprintf(&script, "xargs -a %s -L 1 -P %d %s\n", list, parallel, command)
	}
	script.WriteString("true\n") // xargs says by its exit code that a module has failed
	if len(t.groups) == 1 {
		return command{argv: []string{"/bin/sh", "-c", "exec " + strings.TrimSuffix(script.String(), "true\n")}}
	}
	return command{argv: []string{"/bin/sh", t.w.write(filepath.Join(filepath.Base(t.dir), "groups.sh"), 0o644, script.String())}}
}
