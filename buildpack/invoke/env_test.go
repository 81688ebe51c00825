package invoke

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
)

// noise is the environment of the phase in these tests: what modules may see of it, and what must stay out.
func noise() []string {
	return []string{
		"CNB_STACK_ID=stack", "HOSTNAME=host", "HOME=/home/of/us", "HTTPS_PROXY=1", "https_proxy=2", "HTTP_PROXY=3",
		"http_proxy=4", "NO_PROXY=5", "no_proxy=", "PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=/lib1", "LIBRARY_PATH=/lib2",
		"CPATH=/include", "PKG_CONFIG_PATH=/pkg",

		"CNB_REGISTRY_AUTH={\"registry.example\":\"Basic secret\"}", "AWS_SECRET_ACCESS_KEY=secret", "BASH_ENV=/secret",
		"ENV=/secret", "CNB_PLATFORM_API=0.15", "CNB_EXPERIMENTAL_MODE=warn", "CNB_TARGET_OS=plan9", "CNB_EXEC_ENV=secret",
		"CNB_BUILDPACK_DIR=/wrong", "CNB_EXTENSION_DIR=/wrong", "CNB_BUILD_PLAN_PATH=/wrong", "CNB_OUTPUT_DIR=/wrong",
		"CNB_BP_PLAN_PATH=/wrong", "CNB_PLATFORM_DIR=/wrong", "CNB_USER_ID=1000", "LD_PRELOAD=/secret.so", "PYTHONPATH=/secret",
		"GOFLAGS=secret", "DOCKER_CONFIG=/secret", "SSH_AUTH_SOCK=/secret", "USER=us", "SHELL=/bin/sh", "TMPDIR=/secret",
		"path=/lower", "PATHS=/more", "CNB_STACK_IDS=more",
	}
}

// platformEnv are the files of <platform>/env; a name that ends in "/" is a directory, "-> " begins a link's target.
func platformEnv() map[string]string {
	return map[string]string{
		"PLAIN": "plain", "NEWLINE": "two\nlines\n", "EMPTY": "", "HOME": "/home/of/the/platform", "PATH": "/platform/bin",
		"LD_LIBRARY_PATH": "/platform/lib", "PKG_CONFIG_PATH": "/platform/pkg", "CPATH": "/platform/include",
		"LIBRARY_PATH": "/platform/libs", "BP_DOTTED.NAME": "dots stay", "CNB_BUILDPACK_DIR": "/wrong", "CNB_EXTENSION_DIR": "/wrong",
		"CNB_TARGET_OS": "plan9", "CNB_EXEC_ENV": "wrong", "folder/INSIDE": "not seen", "..data/LINKED": "through a link",
		"LINKED": "-> ..data/LINKED", "linked-folder": "-> ..data",
	}
}

// buildConfigEnv has every suffix, alone and on top of what is there already.
func buildConfigEnv() map[string]string {
	return map[string]string{
		"PLAIN.append": "+a", "PLAIN.delim": "|", "PLAIN.prepend": "p+",
		"NEWLINE": "a default that does not count", "EMPTY": "a default that counts",
		"HOME.override": "/home/of/the/operator",
		"NEW.default":   "new", "NEW2": "new2", "NEW3.append": "new3", "NEW3.delim": ":", "NEW4.prepend": "new4",
		"PATH.prepend": "/operator/bin", "PATH.delim": ":", "LD_LIBRARY_PATH.append": "/no-delimiter",
		"UNKNOWN.suffix": "ignored", "UNKNOWN2.append.twice": "ignored", ".hidden": "ignored", "folder/INSIDE": "not seen",
		"CNB_EXEC_ENV.override": "wrong", "CNB_PLATFORM_DIR.override": "/wrong",
	}
}

// TestEnvironment starts modules that dump their environment, from ours full of noise and secrets, and compares with the
// exact set of variables (docs/reference.md, "What a module sees"; B27: generate has CNB_EXEC_ENV too).
func TestEnvironment(t *testing.T) {
	for minor := api.BuildpackAPIs().Oldest.Minor; minor <= api.BuildpackAPIs().Newest.Minor; minor++ {
		for _, kind := range []buildpack.Kind{buildpack.KindBuildpack, buildpack.KindExtension} {
			for _, clear := range []bool{false, true} {
				t.Run(fmt.Sprintf("0.%d %s clear-env=%t", minor, kind, clear), func(t *testing.T) {
					testEnvironment(t, minor, kind, clear)
				})
			}
		}
	}
}

func testEnvironment(t *testing.T, minor int, kind buildpack.Kind, clear bool) {
	dir := t.TempDir()
	w := Environment{
		App: filepath.Join(dir, "app"), Platform: filepath.Join(dir, "platform"), BuildConfig: filepath.Join(dir, "build-config"),
		Target:  buildpack.Target{OS: "linux", Arch: "arm64", Variant: "v8", Distros: []buildpack.Distro{{Name: "debian", Version: "12"}}},
		ExecEnv: "test", Environ: noise(),
	}
	tree(t, filepath.Join(w.Platform, "env"), platformEnv())
	tree(t, filepath.Join(w.BuildConfig, "env"), buildConfigEnv())
	m := dumper(t, filepath.Join(dir, "module"), kind, minor, clear)
	check(t, os.Mkdir(w.App, 0o755))

	detected := w.RunDetect(t.Context(), m, 0)
	if detected.Outcome != buildpack.Passed {
		t.Fatalf("detect: %s %s\n%s", detected.Outcome, detected.Cause, detected.Output)
	}
	seen, args, cwd := dumped(t, m, "detect")
	want := common(w, m, clear)
	want["CNB_PLATFORM_DIR"] = "/wrong" // what the operator says, no specification of the module's API against it
	if minor >= 8 {
		want["CNB_PLATFORM_DIR"], want["CNB_BUILD_PLAN_PATH"] = w.Platform, args[2]
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("environment of detect (-want +got):\n%s", diff)
	}
	if cwd != w.App || args[0] != filepath.Join(m.Dir, "bin", "detect") || args[1] != w.Platform || len(args) != 3 {
		t.Errorf("detect: working directory %s, arguments %q", cwd, args)
	}
	if _, err := os.Stat(filepath.Dir(args[2])); !os.IsNotExist(err) {
		t.Errorf("the directory of the build plan is still there: %v", err)
	}
	if kind == buildpack.KindBuildpack {
		return
	}

	output := filepath.Join(dir, "output")
	check(t, os.Mkdir(output, 0o755))
	var printed strings.Builder
	check(t, w.RunGenerate(t.Context(), GenerateRun{Module: m, Dir: output, Output: &printed}))
	seen, args, cwd = dumped(t, m, "generate")
	want = common(w, m, clear)
	want["CNB_OUTPUT_DIR"], want["CNB_PLATFORM_DIR"], want["CNB_BP_PLAN_PATH"] = output, w.Platform, args[3]
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("environment of generate (-want +got):\n%s", diff)
	}
	if cwd != w.App || args[0] != filepath.Join(m.Dir, "bin", "generate") || args[1] != output || args[2] != w.Platform || len(args) != 4 {
		t.Errorf("generate: working directory %s, arguments %q", cwd, args)
	}
}

// common is what both executables of a module see, written out from docs/reference.md.
func common(w Environment, m *buildpack.Module, clear bool) map[string]string {
	env := map[string]string{
		"CNB_STACK_ID": "stack", "HOSTNAME": "host", "HTTPS_PROXY": "1", "https_proxy": "2", "HTTP_PROXY": "3", "http_proxy": "4",
		"NO_PROXY": "5", "no_proxy": "",
		"HOME": "/home/of/the/operator",
		"NEW":  "new", "NEW2": "new2", "NEW3": "new3", "NEW4": "new4",
		"EMPTY":        "a default that counts",
		"CNB_EXEC_ENV": "wrong", // the same
	}
	if clear {
		env["PLAIN"] = "p+|+a" // append made it "+a", prepend put its own in front
		env["NEWLINE"] = "a default that does not count"
		env["PATH"], env["LD_LIBRARY_PATH"] = "/operator/bin:/usr/bin:/bin", "/lib1/no-delimiter"
		env["LIBRARY_PATH"], env["CPATH"], env["PKG_CONFIG_PATH"] = "/lib2", "/include", "/pkg"
	} else {
		env["PLAIN"], env["NEWLINE"] = "p+|plain|+a", "two\nlines\n"
		env["LINKED"], env["BP_DOTTED.NAME"] = "through a link", "dots stay"
		env["PATH"] = "/operator/bin:/platform/bin:/usr/bin:/bin"
		env["LD_LIBRARY_PATH"] = "/platform/lib:/lib1/no-delimiter"
		env["LIBRARY_PATH"], env["CPATH"] = "/platform/libs:/lib2", "/platform/include:/include"
		env["PKG_CONFIG_PATH"] = "/platform/pkg:/pkg"
		env["CNB_BUILDPACK_DIR"], env["CNB_EXTENSION_DIR"], env["CNB_TARGET_OS"] = "/wrong", "/wrong", "plan9"
	}
	if m.IsExtension() {
		env["CNB_EXTENSION_DIR"] = m.Dir
	} else {
		env["CNB_BUILDPACK_DIR"] = m.Dir
	}
	if m.API.AtLeast(api.V(0, 10)) {
		env["CNB_TARGET_OS"], env["CNB_TARGET_ARCH"], env["CNB_TARGET_ARCH_VARIANT"] = "linux", "arm64", "v8"
		env["CNB_TARGET_DISTRO_NAME"], env["CNB_TARGET_DISTRO_VERSION"] = "debian", "12"
	}
	if m.API.AtLeast(api.V(0, 12)) {
		env["CNB_EXEC_ENV"] = "test"
	}
	return env
}

// What is not known of the target is not set, rather than set to nothing.
func TestUnknownTargetIsNotInTheEnvironment(t *testing.T) {
	w := Environment{Target: buildpack.Target{OS: "linux", Arch: "amd64"}}
	m := &buildpack.Module{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack}, API: api.V(0, 10), Dir: "/bp"}
	env, err := w.variables(m, nil)
	check(t, err)
	if diff := cmp.Diff([]string{"CNB_BUILDPACK_DIR=/bp", "CNB_TARGET_ARCH=amd64", "CNB_TARGET_OS=linux"}, env); diff != "" {
		t.Error(diff)
	}
}

// An unreadable file is an error of the module, which is not run; a missing directory is none.
func TestUnreadableEnvironmentIsAnErrorOfTheModule(t *testing.T) {
	for _, where := range []string{"platform", "build-config"} {
		dir := t.TempDir()
		w := Environment{App: dir, Platform: filepath.Join(dir, "platform"), BuildConfig: filepath.Join(dir, "build-config")}
		m := dumper(t, filepath.Join(dir, "module"), buildpack.KindBuildpack, 10, false)
		if d := w.RunDetect(t.Context(), m, 0); d.Outcome != buildpack.Passed {
			t.Errorf("without any environment directory: %s, %v", d.Outcome, d.Cause)
		}
		check(t, os.MkdirAll(filepath.Join(dir, where, "env"), 0o755))
		check(t, os.Symlink("nowhere", filepath.Join(dir, where, "env", "DANGLING")))
		d := w.RunDetect(t.Context(), m, 0)
		if d.Outcome != buildpack.Errored || d.ExitCode != buildpack.NoExitCode || !strings.Contains(d.Cause.Error(), "DANGLING") {
			t.Errorf("%s: %s %d, %v", where, d.Outcome, d.ExitCode, d.Cause)
		}
		// clear-env keeps the module from looking at what the platform has, and so from failing at it.
		m.Descriptor.ClearEnv = true
		wanted := map[string]buildpack.Outcome{"platform": buildpack.Passed, "build-config": buildpack.Errored}[where]
		if d := w.RunDetect(t.Context(), m, 0); d.Outcome != wanted {
			t.Errorf("%s, clear-env: %s, want %s", where, d.Outcome, wanted)
		}
	}
}

// An environment that remembers reads the files for the first module that needs them, and once more for those with clear-env.
func TestEnvironmentIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	write := func(value string) {
		t.Helper()
		tree(t, dir, map[string]string{"platform/env/A": value, "build-config/env/B": value})
	}
	forgets := Environment{Platform: filepath.Join(dir, "platform"), BuildConfig: filepath.Join(dir, "build-config")}
	remembers := forgets.Remembering()
	see := func(w Environment, clear bool, want ...string) {
		t.Helper()
		env, err := w.variables(&buildpack.Module{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack}, Dir: "/bp", Descriptor: buildpack.Descriptor{ClearEnv: clear}}, map[string]string{"OWN": "1"})
		check(t, err)
		if diff := cmp.Diff(append(want, "CNB_BUILDPACK_DIR=/bp", "OWN=1"), env); diff != "" {
			t.Error(diff)
		}
	}
	write("1")
	see(remembers, false, "A=1", "B=1")
	write("2")
	see(remembers, false, "A=1", "B=1")
	see(remembers, true, "B=2")
	write("3")
	see(remembers, true, "B=2")
	see(forgets, false, "A=3", "B=3")
}

// FuzzBuildConfig compares the build config's rules with a second, plain reading of docs/reference.md.
func FuzzBuildConfig(f *testing.F) {
	f.Add("A", "old", "A.append", "new", "A.delim", ":")
	f.Add("PATH", "/bin", "PATH.prepend", "/x", "PATH.delim", ":")
	f.Add("A", "", "A", "x", "A.default", "y")
	f.Add("A", "old", ".hidden", "x", "A.append.more", "y")
	f.Add("A", "old", "A.", "x", "B.override", "")
	f.Fuzz(func(t *testing.T, name, old, file1, value1, file2, value2 string) {
		dir := t.TempDir()
		for _, file := range []string{file1, file2} {
			if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\x00") || len(file) > 200 {
				t.Skip("not the name of a file")
			}
		}
		check(t, os.WriteFile(filepath.Join(dir, file1), []byte(value1), 0o600))
		check(t, os.WriteFile(filepath.Join(dir, file2), []byte(value2), 0o600))
		files := map[string]string{file1: value1, file2: value2}

		got := map[string]string{name: old}
		check(t, addBuildConfig(got, dir))
		want := map[string]string{name: old}
		names := []string{file1, file2}
		slices.Sort(names)
		for _, file := range slices.Compact(names) {
			parts := strings.SplitN(file, ".", 2)
			if parts[0] == "" {
				continue
			}
			delim, have := files[parts[0]+".delim"], want[parts[0]]
			if have == "" {
				delim = ""
			}
			switch {
			case len(parts) == 1 || parts[1] == "" || parts[1] == "default":
				if have == "" {
					want[parts[0]] = files[file]
				}
			case parts[1] == "append":
				want[parts[0]] = have + delim + files[file]
			case parts[1] == "prepend":
				want[parts[0]] = files[file] + delim + have
			case parts[1] == "override":
				want[parts[0]] = files[file]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files %q (-want +got):\n%s", files, diff)
		}
	})
}

// dumper makes a module whose executables write down their environment, arguments and working directory.
func dumper(t *testing.T, dir string, kind buildpack.Kind, minor int, clear bool) *buildpack.Module {
	script := `#!/bin/sh
d="${0%/bin/*}"
/bin/cat "/proc/$$/environ" > "$d/${0##*/}.environ"
/bin/cat "/proc/$$/cmdline" > "$d/${0##*/}.cmdline"
/bin/pwd > "$d/${0##*/}.pwd"
`
	tree(t, dir, map[string]string{"bin/detect": script, "bin/generate": script})
	for _, name := range []string{"detect", "generate"} {
		check(t, os.Chmod(filepath.Join(dir, "bin", name), 0o755))
	}
	return &buildpack.Module{
		Ref: buildpack.Ref{Kind: kind, ID: "some/dumper", Version: "1"}, API: api.V(0, minor), Dir: dir,
		Descriptor: buildpack.Descriptor{ClearEnv: clear},
	}
}

func dumped(t *testing.T, m *buildpack.Module, name string) (env map[string]string, args []string, cwd string) {
	t.Helper()
	read := func(suffix string) string {
		data, err := os.ReadFile(filepath.Join(m.Dir, name+suffix))
		check(t, err)
		return string(data)
	}
	env = map[string]string{}
	for _, variable := range strings.Split(strings.TrimSuffix(read(".environ"), "\x00"), "\x00") {
		key, value, _ := strings.Cut(variable, "=")
		if _, twice := env[key]; twice {
			t.Errorf("%s is set twice", key)
		}
		env[key] = value
	}
	args = strings.Split(strings.TrimSuffix(read(".cmdline"), "\x00"), "\x00")
	return env, args[1:], strings.TrimSuffix(read(".pwd"), "\n") // the first is the shell
}

func tree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, contents := range files {
		path := filepath.Join(root, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, isLink := strings.CutPrefix(contents, "-> "); isLink {
			check(t, os.Symlink(target, path))
			continue
		}
		check(t, os.WriteFile(path, []byte(contents), 0o644))
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
