package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// maker makes one random world. The same seed makes the same world, byte by byte.
type maker struct {
	*rand.Rand
	dir string
	// made are the modules that are on disk already, by directory.
	made map[string]bool
	// odd says that this world has mistakes: modules that are missing or too new, plans that do not parse, and the like.
	// Worlds without are needed too, because a mistake often ends a run before anything of interest happens.
	odd bool
}

// random makes the world of a seed and a number in a new directory. Composites never contain themselves: there the
// reference lifecycle overflows its stack (B22), which takes seconds and says nothing.
func random(dir string, seed, number uint64) world {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, number)), dir: dir, made: map[string]bool{}}
	m.odd = m.chance(40)
	m.write("app/file.txt", 0o644, "an app\n")
	m.inputs()
	groups := m.groups("order", 0, 1+m.IntN(3), 4)
	if m.chance(50) {
		groups += m.groups("order-extensions", 0, 1+m.IntN(2), 3)
	}
	m.write("order.toml", 0o644, groups)
	return m.world()
}

// world says how the platform calls the detectors.
func (m *maker) world() world {
	w := world{dir: m.dir}
	set := func(percent int, name string, values ...string) {
		if m.chance(percent) {
			w.env = append(w.env, name+"="+m.pick(values...))
		}
	}
	set(70, "CNB_EXPERIMENTAL_MODE", "warn", "silent", "warn", "error")
	set(30, "CNB_LOG_LEVEL", "debug", "warn", "info")
	set(40, "CNB_EXEC_ENV", "test", "production", "*")
	set(30, "CNB_STACK_ID", "io.buildpacks.stacks.bionic")
	set(30, "CPATH", "/from/the/platform")
	set(30, "CNB_REGISTRY_AUTH", `{"registry.example":"Basic c2VjcmV0"}`)
	return w
}

// inputs are the files that are neither order nor module.
func (m *maker) inputs() {
	for _, name := range []string{"BP_VERSION", "PATH", "CPATH", "HOME", "CNB_EXEC_ENV"} {
		if m.chance(15) {
			m.write("platform/env/"+name, 0o644, "/platform/"+name)
		}
	}
	for _, name := range []string{"BP_VERSION", "BP_VERSION.override", "BP_VERSION.append", "BP_VERSION.delim", "CPATH.prepend", "OPERATOR.default", "OPERATOR.unknown"} {
		if m.chance(12) {
			m.write("build-config/env/"+name, 0o644, "/operator/"+name)
		}
	}
	if m.chance(70) {
		m.write("analyzed.toml", 0o644, m.analyzed())
	}
	if m.chance(60) {
		m.write("run.toml", 0o644, "[[images]]\nimage = \"registry.example/run:1\"\nmirrors = [\"mirror.example/run:1\"]\n[[images]]\nimage = \"registry.example/other:2\"\n")
	}
	if m.chance(30) {
		m.write("system.toml", 0o644, m.system())
	}
}

func (m *maker) analyzed() string {
	text := ""
	if m.chance(10) {
		text += "[metadata]\nname = \"kept\"\nnumber = 7\n"
	}
	if m.chance(15) {
		text += "[image]\nreference = \"registry.example/app@sha256:" + strings.Repeat("1", 64) + "\"\n"
	}
	if m.chance(10) {
		text += "[build-image]\nreference = \"registry.example/build@sha256:" + strings.Repeat("2", 64) + "\"\n"
	}
	if m.chance(8) {
		return text
	}
	text += "[run-image]\nreference = \"registry.example/run@sha256:" + strings.Repeat("3", 64) + "\"\nimage = \"registry.example/run:1\"\n"
	if m.chance(4) {
		text += "extend = true\n"
	}
	if m.chance(5) {
		text += "later = \"a key of a later Platform API\"\n"
	}
	if m.chance(80) {
		text += "[run-image.target]\nos = \"linux\"\narch = " + quoted(m.pick("amd64", "amd64", "arm64")) + "\n"
		if m.chance(15) {
			text += "arch-variant = \"v8\"\n"
		}
		if m.chance(70) {
			text += "[run-image.target.distro]\nname = " + quoted(m.pick("ubuntu", "debian")) + "\nversion = " + quoted(m.pick("18.04", "12")) + "\n"
		}
	}
	return text
}

func (m *maker) system() (text string) {
	for _, where := range []string{"pre", "post"} {
		for range m.IntN(3) {
			id, version := m.component()
			text += fmt.Sprintf("[[system.%s.buildpacks]]\nid = %q\nversion = %q\n", where, id, version)
			if m.chance(25) {
				text += "optional = true\n"
			}
		}
	}
	return text
}

// groups is a number of groups of an order, or of the order of a composite, with the modules on disk.
func (m *maker) groups(key string, depth, number, longest int) string {
	var text strings.Builder
	for range number {
		fmt.Fprintf(&text, "[[%s]]\n", key)
		for range 1 + m.IntN(longest) {
			m.element(&text, key, depth)
		}
	}
	return text.String()
}

func (m *maker) element(text *strings.Builder, key string, depth int) {
	var id, version string
	switch {
	case key == "order-extensions":
		id, version = m.extension()
	case depth < 3 && m.chance(20):
		id, version = m.composite(depth)
	default:
		id, version = m.component()
	}
	if m.odd && m.chance(1) {
		version = "missing"
	}
	fmt.Fprintf(text, "[[%s.group]]\nid = %q\nversion = %q\n", key, id, version)
	if key == "order" && m.chance(35) {
		text.WriteString("optional = true\n")
	}
	if m.chance(8) {
		fmt.Fprintf(text, "exec-env = [%q]\n", m.pick("test", "production", "*", "other"))
	}
}

// component is a buildpack that runs something. Ids are few, so that they come again, in the same group and in others.
func (m *maker) component() (id, version string) {
	id, version = m.pick("a", "b", "c", "d", "e", "some/f", "some/g"), m.pick("1", "1", "2", "1.2.3")
	dir, fresh := m.fresh("buildpacks", id, version)
	if fresh {
		m.write(dir+"/buildpack.toml", 0o644, m.descriptor("buildpack", id, version)+m.needs())
		m.detect(dir, id, false)
		if m.chance(60) {
			m.write(dir+"/bin/build", 0o755, "#!/bin/sh\n")
		}
	}
	return id, version
}

// composite is a buildpack with an order of its own. Its depth is a part of its id, so that it cannot contain itself.
func (m *maker) composite(depth int) (id, version string) {
	id, version = fmt.Sprintf("%s%d", m.pick("some/x", "y"), depth), m.pick("1", "2")
	dir, fresh := m.fresh("buildpacks", id, version)
	if fresh {
		text := m.descriptor("buildpack", id, version) + m.groups("order", depth+1, 1+m.IntN(2), 3)
		m.write(dir+"/buildpack.toml", 0o644, text)
	}
	return id, version
}

func (m *maker) extension() (id, version string) {
	id, version = m.pick("ext/a", "ext/b", "b", "some_c"), m.pick("1", "2")
	dir, fresh := m.fresh("extensions", id, version)
	if !fresh {
		return id, version
	}
	targets := ""
	if m.chance(25) {
		targets = m.targets()
	}
	m.write(dir+"/extension.toml", 0o644, m.descriptor("extension", id, version)+targets)
	switch {
	case m.chance(80):
		m.detect(dir, id, true)
	case m.chance(70):
		m.write(dir+"/detect/plan.toml", 0o644, m.plan(true))
	}
	switch {
	case m.chance(85):
		m.write(dir+"/bin/generate", 0o755, m.generate())
	case m.chance(70):
		m.write(dir+"/generate/run.Dockerfile", 0o644, "ARG base_image\nFROM ${base_image}\nRUN true\n")
	}
	return id, version
}

// fresh is where a module is, and whether it has to be made.
func (m *maker) fresh(kind, id, version string) (dir string, fresh bool) {
	dir = filepath.Join(kind, strings.ReplaceAll(id, "/", "_"), version)
	fresh = !m.made[dir]
	m.made[dir] = true
	return dir, fresh
}

func (m *maker) descriptor(kind, id, version string) string {
	api := "api = " + quoted(m.pick("0.7", "0.8", "0.9", "0.10", "0.10", "0.11", "0.12", "0.12")) + "\n"
	if m.odd && m.chance(3) {
		api = m.pick("", "api = \"0.99\"\n", "api = \"0.2\"\n", "api = \"none\"\n")
	}
	text := fmt.Sprintf("%s[%s]\nid = %q\nversion = %q\n", api, kind, id, version)
	if m.chance(30) {
		text += "homepage = \"https://" + version + ".example\"\n"
	}
	if m.chance(10) {
		text += "clear-env = true\n"
	}
	if m.chance(8) {
		text += fmt.Sprintf("exec-env = [%q]\n", m.pick("test", "production", "*"))
	}
	if m.odd && m.chance(2) {
		text += "[[" + kind + ".exec-env]]\nname = \"test\"\n"
	}
	return text
}

// needs is what a component says about images that it fits.
func (m *maker) needs() string {
	switch m.IntN(10) {
	case 0, 1:
		return m.targets()
	case 2:
		return "[[stacks]]\nid = " + quoted(m.pick("io.buildpacks.stacks.bionic", "*", "some.stack")) + "\n"
	case 3:
		return "[[stacks]]\nid = \"some.stack\"\n[[stacks]]\nid = \"io.buildpacks.stacks.bionic\"\n"
	}
	return ""
}

func (m *maker) targets() (text string) {
	for range 1 + m.IntN(2) {
		text += "[[targets]]\n"
		if m.chance(80) {
			text += "os = " + quoted(m.pick("linux", "linux", "linux", "windows")) + "\n"
		}
		if m.chance(60) {
			text += "arch = " + quoted(m.pick("amd64", "amd64", "arm64")) + "\n"
		}
		if m.chance(8) {
			text += m.pick("variant", "arch-variant") + " = " + quoted(m.pick("v7", "v8")) + "\n"
		}
		if m.chance(30) {
			text += "[[targets.distros]]\nname = " + quoted(m.pick("ubuntu", "debian")) + "\nversion = " + quoted(m.pick("18.04", "12")) + "\n"
		}
	}
	return text
}

// detect writes bin/detect.
func (m *maker) detect(dir, id string, isExtension bool) {
	if m.odd && m.chance(2) && !isExtension {
		return // a buildpack without bin/detect
	}
	mode, interpreter := fs.FileMode(0o755), "#!/bin/sh"
	if m.odd && m.chance(1) {
		mode = 0o644
	}
	if m.odd && m.chance(1) {
		interpreter = "#!/no/such/interpreter"
	}
	script := interpreter + "\n"
	if m.chance(40) {
		script += "echo \"" + id + " looks around 100%s\"\n"
	}
	if m.chance(10) {
		script += "echo \"" + id + " complains\" >&2\n"
	}
	if m.chance(75) {
		script += "printf '%s' '" + m.plan(isExtension) + "' >\"$2\"\n"
	}
	if m.chance(15) && !isExtension {
		script += environmentPlan
	}
	code := "0"
	if m.chance(18) {
		code = "100"
	}
	if m.odd && m.chance(8) {
		code = m.pick("1", "2", "101", "255")
	}
	m.write(dir+"/bin/detect", mode, script+"exit "+code+"\n")
}

// environmentPlan is a script that shows a module's environment and arguments as metadata of a requirement, so that they
// come to plan.toml, where they are compared. Paths that differ from run to run are left out.
const environmentPlan = `{
	printf '\n[[provides]]\nname = "seen"\n[[requires]]\nname = "seen"\n[requires.metadata]\n'
	printf "v0 = '''%s'''\n" "$0 $1 $PWD"
	i=0
	env | LC_ALL=C sort | while IFS= read -r line; do
		case $line in _=* | SHLVL=* | OLDPWD=*) continue ;; CNB_BUILD_PLAN_PATH=*) line=CNB_BUILD_PLAN_PATH ;; esac
		i=$((i + 1))
		printf "v%d = '''%s'''\n" "$i" "$line"
	done
} >>"$2"
`

// plan is a build plan, sometimes with alternatives.
func (m *maker) plan(isExtension bool) string {
	text := m.alternative("", isExtension)
	if m.chance(20) {
		for range 1 + m.IntN(3) {
			text += "[[or]]\n" + m.alternative("or.", isExtension)
		}
	}
	if m.odd && m.chance(4) {
		text += m.pick("[[provide]]\nname = \"n1\"\n", "[[requires]]\nname = \"n1\"\nversion = \"1\"\n", "[[requires\n", "provides = 7\n",
			"[[requires]]\nname = \"n1\"\nversion = \"1\"\n[requires.metadata]\nversion = \"2\"\n", "[[requires]]\nnaem = \"n1\"\n", "[[requires]]\nname = \"n1\"\n")
	}
	return text
}

func (m *maker) alternative(prefix string, isExtension bool) (text string) {
	for range m.IntN(3) {
		text += fmt.Sprintf("[[%sprovides]]\nname = %q\n", prefix, m.name())
	}
	if isExtension {
		return text
	}
	for range m.IntN(3) {
		text += fmt.Sprintf("[[%srequires]]\nname = %q\n", prefix, m.name())
		if m.chance(25) {
			text += fmt.Sprintf("[%srequires.metadata]\n%s", prefix, metadata)
		}
	}
	return text
}

// metadata has a value of each type that TOML has.
const metadata = `version = "1.x"
launch = true
priority = 7
weight = 0.5
at = 1979-05-27T07:32:00Z
local = 1979-05-27T07:32:00
date = 1979-05-27
time = 07:32:00
list = ["a", "b"]
more = [[1, 2], ["c"]]
"a key" = { inner = { most = "x" } }
`

func (m *maker) name() string { return m.pick("n1", "n1", "n2", "n2", "n3", "n4") }

// generate is the script of an extension. It shows its environment and what it was asked for as comments in what it makes.
func (m *maker) generate() string {
	script := "#!/bin/sh\necho generating 100%s\n"
	comments := "env | LC_ALL=C sort | while IFS= read -r line; do case $line in _=* | SHLVL=* | OLDPWD=*) continue ;; CNB_BP_PLAN_PATH=* | CNB_OUTPUT_DIR=*) line=${line%%=*} ;; esac; printf '# %s\\n' \"$line\"; done\n" +
		"LC_ALL=C sort \"$CNB_BP_PLAN_PATH\" | sed 's/^/# /'\n"
	file := func(name string, instructions ...string) {
		script += "{ printf '%s' '" + strings.Join(instructions, "\n") + "\n'; " + comments + "} >\"$CNB_OUTPUT_DIR/" + name + "\"\n"
	}
	if m.chance(60) {
		file("run.Dockerfile", m.runDockerfile()...)
	}
	if m.chance(45) {
		file("build.Dockerfile", m.buildDockerfile()...)
	}
	if m.chance(20) {
		script += "printf '%s' '[[build.args]]\nname = \"one\"\nvalue = \"1\"\n[[run.args]]\nname = \"" + m.odds("two", "user_id", "build_id", "base_image") + "\"\nvalue = \"2\"\n' >\"$CNB_OUTPUT_DIR/extend-config.toml\"\n"
	}
	if m.chance(12) {
		context := m.pick("context", "context.run", "context.build")
		script += "mkdir \"$CNB_OUTPUT_DIR/" + context + "\"; echo in >\"$CNB_OUTPUT_DIR/" + context + "/file\"\n"
	}
	if m.odd && m.chance(5) {
		script += "mkdir \"$CNB_OUTPUT_DIR/context\" \"$CNB_OUTPUT_DIR/context.run\"\n"
	}
	return script + "exit " + m.odds("0", "1", "100") + "\n"
}

func (m *maker) runDockerfile() []string {
	const arg = "ARG base_image"
	switch m.IntN(8) {
	case 0:
		return []string{"FROM registry.example/other:2"}
	case 1:
		return []string{"FROM registry.example/unknown:3", "USER 1000"}
	case 2:
		return []string{arg, "FROM ${base_image}"}
	case 3:
		return []string{arg + "=registry.example/run:1", "FROM $base_image", "RUN true", "VOLUME /data"}
	case 4:
		return []string{"FROM registry.example/run:1"}
	}
	if m.odd && m.chance(12) {
		return m.broken(arg)
	}
	return []string{arg, "FROM ${base_image}", "RUN echo run", "LABEL a=b"}
}

func (m *maker) buildDockerfile() []string {
	const arg = "ARG base_image"
	switch {
	case m.odd && m.chance(12):
		return m.broken(arg)
	case m.chance(30):
		return []string{arg + "=registry.example/build:1", "FROM $base_image", "ARG other", "RUN true", "EXPOSE 80"}
	}
	return []string{arg, "FROM ${base_image}", "RUN echo build"}
}

func (m *maker) broken(arg string) []string {
	all := [][]string{
		{"# nothing"}, {arg, "FROM ${base_image}", "FROM ${base_image}"}, {arg, "FROM ${base_image}", "RNU true"}, {"RUN true"}, {"FROM ${base_image}"},
		{arg, "FROM registry.example/x AS one", "FROM ${base_image}", "COPY --from=one /a /b"}, {arg, "FROM ${other}"}, {arg, "ARG two", "FROM ${base_image}"},
	}
	return all[m.IntN(len(all))]
}

// odds is the first of the values, in a world with mistakes one of the others at times.
func (m *maker) odds(value string, others ...string) string {
	if m.odd && m.chance(8) {
		return m.pick(others...)
	}
	return value
}

func (m *maker) chance(percent int) bool      { return m.IntN(100) < percent }
func (m *maker) pick(values ...string) string { return values[m.IntN(len(values))] }
func quoted(text string) string               { return fmt.Sprintf("%q", text) }

func (m *maker) write(name string, mode fs.FileMode, text string) {
	path := filepath.Join(m.dir, name)
	check(os.MkdirAll(filepath.Dir(path), 0o755))
	check(os.WriteFile(path, []byte(text), mode))
}
