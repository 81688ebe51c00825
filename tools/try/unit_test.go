package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// archiveOf makes an archive. An entry "name" is a file, "name/" a directory, "name=target" a link, "name==target" a hard link.
func archiveOf(t *testing.T, entries ...string) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, entry := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: entry, Mode: 0o4755, Size: 1}
		if file, target, hard := strings.Cut(entry, "=="); hard {
			header = &tar.Header{Typeflag: tar.TypeLink, Name: file, Linkname: target}
		} else if file, target, soft := strings.Cut(entry, "="); soft {
			header = &tar.Header{Typeflag: tar.TypeSymlink, Name: file, Linkname: target}
		} else if strings.HasSuffix(entry, "/") {
			header = &tar.Header{Typeflag: tar.TypeDir, Name: entry, Mode: 0o500}
		}
		check(t, w.WriteHeader(header))
		if header.Size > 0 {
			_, err := w.Write([]byte("x"))
			check(t, err)
		}
	}
	check(t, w.Close())
	return &out
}

// TestUnpack: layers come to lie over each other as a container shows them, and nothing comes to lie elsewhere.
func TestUnpack(t *testing.T) {
	for _, test := range []struct {
		why    string
		layers [][]string
		want   string // names, or a part of the error
		fails  bool
	}{
		{why: "a file below a link of an earlier layer is where the link leads", layers: [][]string{{"usr/bin/a", "bin=usr/bin"}, {"bin/b"}}, want: "bin -> usr/bin usr/ usr/bin/ usr/bin/a usr/bin/b"},
		{why: "an absolute link begins at the image's root", layers: [][]string{{"run/a", "var/run=/run"}, {"var/run/b"}}, want: "run/ run/a run/b var/ var/run -> /run"},
		{why: "a link out of the image stays within", layers: [][]string{{"out=../../../.."}, {"out/b"}}, want: "b out -> ../../../.."},
		{why: "names that lead out stay within", layers: [][]string{{"../../a", "/b"}}, want: "a b"},
		{why: "a whiteout removes what is below", layers: [][]string{{"d/a", "d/b"}, {"d/.wh.a"}}, want: "d/ d/b"},
		{why: "an opaque directory hides what is below, and not its own", layers: [][]string{{"d/a", "d/b"}, {"d/b", "d/.wh..wh..opq", "d/c"}}, want: "d/ d/b d/c"},
		{why: "a file takes the place of a directory", layers: [][]string{{"d/a"}, {"d"}}, want: "d"},
		{why: "a directory takes the place of a file", layers: [][]string{{"d"}, {"d/", "d/a"}}, want: "d/ d/a"},
		{why: "a directory that may not be written still takes files", layers: [][]string{{"d/", "d/a"}}, want: "d/ d/a"},
		{why: "a hard link", layers: [][]string{{"a", "b==a"}}, want: "a b"},
		{why: "links in a circle", layers: [][]string{{"a=b", "b=a"}, {"a/x"}}, want: "too many links", fails: true},
		{why: "a hard link to nothing", layers: [][]string{{"b==../../etc/passwd"}}, want: "no such file", fails: true},
	} {
		dir := t.TempDir()
		var err error
		for _, layer := range test.layers {
			if err == nil {
				err = unpack(archiveOf(t, layer...), dir, false)
			}
		}
		if test.fails {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.why, err)
			}
			continue
		}
		names, listErr := testhelpers.Names(dir)
		if err != nil || listErr != nil || strings.Join(names, " ") != test.want {
			t.Errorf("%s: %q, want %q: %v", test.why, names, test.want, err)
		}
	}
	dir := t.TempDir()
	check(t, unpack(archiveOf(t, "a"), dir, false))
	if info, err := os.Stat(filepath.Join(dir, "a")); err != nil || info.Mode() != 0o755 {
		t.Errorf("a file that would give rights has mode %s: %v", info.Mode(), err)
	}
}

// FuzzUnpack: no archive writes beside the directory.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("x"), "../a", "=..", "out/b")
	f.Fuzz(func(t *testing.T, _ []byte, one, two, three string) {
		top := t.TempDir()
		check(t, os.Mkdir(filepath.Join(top, "in"), 0o755))
		for _, name := range []string{one, "link" + two, "link/" + three} {
			if strings.ContainsRune(name, 0) || len(name) > 80 || strings.Trim(name, "/.=") == "" {
				return
			}
			unpack(archiveOf(t, name), filepath.Join(top, "in"), false) // it may be refused
		}
		if entries, err := os.ReadDir(top); err != nil || len(entries) != 1 {
			t.Errorf("%v %v", entries, err)
		}
	})
}

// TestProject: what is read of project.toml, in each of its forms.
func TestProject(t *testing.T) {
	for _, test := range []struct{ text, want, left string }{
		{"", "", ""},
		{"[build]\nexclude = [\"*.log\", \"node_modules\"]\n[[build.env]]\nname = \"A\"\nvalue = \"1\"\n[[build.buildpacks]]\nid = \"x\"\n", "A=1 x", "a.log node_modules"},
		{"[_]\nschema-version = \"0.2\"\n[io.buildpacks]\ninclude = [\"src/\"]\n[[io.buildpacks.build.env]]\nname = \"A\"\nvalue = \"1\"\n[[io.buildpacks.group]]\nid = \"x\"\n", "A=1 x", "a.log"},
		{"[_]\nschema-version = \"9\"\n", "schema-version \"9\" is unknown", ""},
		{"[build]\ninclude = [\"a\"]\nexclude = [\"b\"]\n", "both include and exclude", ""},
		{"[_]\nschema-version = \"0.2\"\n[[io.buildpacks.group]]\nid = \"x\"\n[io.buildpacks.group.script]\ninline = \"x\"\n", "no inline buildpacks (x)", ""},
		{"[_]\nschema-version = \"0.2\"\n[[io.buildpacks.pre.group]]\nid = \"x\"\n", "does not read io.buildpacks.pre", ""},
		{"[_]\nschema-version = \"0.2\"\n[[io.buildpacks.group]]\nversion = \"1\"\n", "neither id nor uri", ""},
		{"[", "project.toml", ""},
	} {
		app := t.TempDir()
		check(t, os.WriteFile(filepath.Join(app, "project.toml"), []byte(test.text), 0o644))
		for _, dir := range []string{"src", "node_modules"} {
			check(t, os.Mkdir(filepath.Join(app, dir), 0o755))
		}
		p, err := readProject(app)
		if err != nil {
			if test.want == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %v", test.text, err)
			}
			continue
		}
		var words []string
		for _, v := range p.env {
			words = append(words, v.Name+"="+v.Value)
		}
		for _, b := range p.Group {
			words = append(words, b.ID)
		}
		var left []string
		if leaveOut := p.leaveOut(app); leaveOut != nil {
			for _, name := range []string{"a.log", "src", "src/main.go", "node_modules"} {
				if leaveOut(name) {
					left = append(left, name)
				}
			}
		}
		if got := strings.Join(words, " "); got != test.want || strings.Join(left, " ") != test.left {
			t.Errorf("%q: %q, leaving out %q", test.text, got, left)
		}
	}
}

// TestLargeAppIsNotCopied: an app of more than 64 MB is laid over, where the system allows it, and modules can write all the same.
func TestLargeAppIsNotCopied(t *testing.T) {
	if why := tryNamespaces(); why != nil {
		testhelpers.Lacking(t, why.Error())
	}
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	app, own := filepath.Join(dir, "app"), filepath.Join(dir, "module")
	check(t, os.MkdirAll(filepath.Join(own, "bin"), 0o755))
	check(t, os.Mkdir(app, 0o755))
	check(t, os.WriteFile(filepath.Join(app, "large"), nil, 0o644))
	check(t, os.Truncate(filepath.Join(app, "large"), small+1))
	check(t, os.WriteFile(filepath.Join(own, "buildpack.toml"), []byte("api = \"0.10\"\n[buildpack]\nid = \"a\"\nversion = \"1\"\n"), 0o644))
	check(t, os.WriteFile(filepath.Join(own, "bin/build"), nil, 0o755))
	check(t, os.WriteFile(filepath.Join(own, "bin/detect"), []byte("#!/bin/sh\n[ -e large ] && echo x >written && grep ' '$PWD' overlay ' /proc/self/mounts\n"), 0o755))
	m, err := readModule(own)
	check(t, err)
	s := scene{modules: []module{m}, app: app, platformAPI: defaultAPI, debug: true, detector: filepath.Join(built, "lifecycle/detector")}
	s.analyzed.RunImage.Target = target{OS: "linux", Arch: runtime.GOARCH}
	w, err := s.play(t.Context(), host{})
	defer w.remove()
	if err != nil || w.code != 0 {
		t.Errorf("%v %d\n%s", err, w.code, &w.said)
	}
	if names, err := testhelpers.Names(app); err != nil || len(names) != 1 {
		t.Errorf("the app has become %q %v", names, err)
	}
}
