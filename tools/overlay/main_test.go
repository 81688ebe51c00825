package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// like is a lifecycle's descriptor that promises some Platform APIs.
func like(platform string) string {
	return "[apis.buildpack]\ndeprecated = []\nsupported = [\"0.7\", \"0.12\"]\n[apis.platform]\nsupported = [" + platform + "]\n[lifecycle]\nversion = \"0.0.1\"\n"
}

// machine is as much of an ELF file as says which machine it is for.
func machine(of elf.Machine) string {
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20], header[52] = 2, byte(of), 1, 64
	return string(header) + strings.Repeat("the multi-call executable ", 100)
}

var ours = map[string][]byte{"detector": []byte(machine(elf.EM_X86_64) + "our detector"), "generator": []byte(machine(elf.EM_X86_64) + "our generator")}

// file, symlink and hardlink are entries, with more in their headers than a writer would put there by itself.
func file(name, data string) entry {
	return must(encode(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o751, Size: int64(len(data)), Uid: 7, Gid: 8, Uname: "builder", Gname: "staff",
		ModTime: time.Unix(1e9, 0), Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.of": name}}, []byte(data)))
}

func symlink(name, to string) entry {
	return must(encode(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777, ModTime: time.Unix(2e8, 0), Format: tar.FormatGNU}, nil))
}

func hardlink(name, to string) entry {
	return must(encode(&tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to, Mode: 0o755, ModTime: time.Unix(3e8, 0)}, nil))
}

func directory(name string) entry {
	return must(encode(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o750}, nil))
}

func must(e entry, err error) entry {
	if err != nil {
		panic(err)
	}
	return e
}

func archive(entries ...entry) []byte {
	var out bytes.Buffer
	for _, e := range entries {
		out.Write(e.raw)
	}
	out.Write(make([]byte, 20*block)) // tar fills up to a record
	return out.Bytes()
}

// seen is what an archive unpacks to: for each name its content, links followed.
func seen(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	entries, _, err := split(archive)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for i, e := range entries {
		if e.header.Typeflag != tar.TypeDir {
			contents[strings.TrimPrefix(e.header.Name, "./")] = string(content(entries, i))
		}
	}
	return contents
}

// In an archive of the reference, most executables are links to one. Whatever stands in detector's place, everything else
// reads as before, and is written as before unless it was a link to detector itself.
func TestOverlay(t *testing.T) {
	multi := machine(elf.EM_X86_64)
	descriptor := file("lifecycle.toml", like(`"0.7", "0.15"`))
	for _, test := range []struct {
		name    string
		entries []entry
		// rewritten counts the entries, beside detector's, that could not stay as they are written.
		rewritten int
		says      string
	}{
		{"a file", []entry{descriptor, directory("lifecycle"), file("lifecycle/analyzer", multi), file("lifecycle/detector", "theirs"), file("lifecycle/launcher", "launch")},
			0, "replaced lifecycle/detector"},
		{"a symbolic link", []entry{descriptor, directory("lifecycle/"), symlink("lifecycle/analyzer", "lifecycle"), symlink("lifecycle/detector", "lifecycle"), file("lifecycle/lifecycle", multi), file("lifecycle/launcher", "launch")},
			0, "replaced lifecycle/detector, a link to lifecycle"},
		{"a hard link", []entry{descriptor, file("lifecycle/lifecycle", multi), hardlink("lifecycle/analyzer", "lifecycle/lifecycle"), hardlink("lifecycle/detector", "lifecycle/lifecycle"), file("lifecycle/launcher", "launch")},
			0, "replaced lifecycle/detector, a link to lifecycle/lifecycle"},
		{"what others are hard links to", []entry{descriptor, file("lifecycle/detector", multi), hardlink("lifecycle/exporter", "lifecycle/detector"), hardlink("lifecycle/restorer", "lifecycle/detector"), file("lifecycle/launcher", "launch")},
			2, "replaced lifecycle/detector"},
		{"names with ./", []entry{directory("./"), file("./lifecycle.toml", like(`"0.13"`)), directory("./lifecycle/"), symlink("./lifecycle/detector", "./lifecycle"), file("./lifecycle/lifecycle", multi), file("./lifecycle/launcher", "launch")},
			0, "replaced lifecycle/detector, a link to ./lifecycle"},
		{"a generator that is there", []entry{descriptor, symlink("lifecycle/detector", "lifecycle"), symlink("lifecycle/generator", "lifecycle"), file("lifecycle/lifecycle", multi), symlink("lifecycle/launcher", "lifecycle")},
			0, "replaced lifecycle/generator, a link to lifecycle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := archive(test.entries...)
			after, did, err := overlay(before, ours)
			if err != nil {
				t.Fatal(err)
			}
			want := seen(t, before)
			want["lifecycle/detector"], want["lifecycle/generator"] = string(ours["detector"]), string(ours["generator"])
			if got := seen(t, after); !maps.Equal(got, want) {
				t.Errorf("it reads as %q, want %q", got, want)
			}
			rewritten := 0
			for _, e := range test.entries {
				if name := filepath.Base(e.header.Name); name != "detector" && name != "generator" && !bytes.Contains(after, e.raw) {
					rewritten++
				}
			}
			if rewritten != test.rewritten {
				t.Errorf("%d entries are written anew, want %d", rewritten, test.rewritten)
			}
			if text := strings.Join(did, "\n"); !strings.Contains(text, test.says) {
				t.Errorf("it says %q, want %q", text, test.says)
			}
			if !bytes.HasSuffix(after, make([]byte, 20*block)) {
				t.Error("the end of the archive is not as it was")
			}
			// Ours can be run, and they look like what was there.
			for r := tar.NewReader(bytes.NewReader(after)); ; {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if name := filepath.Base(h.Name); (name == "detector" || name == "generator") && (h.Mode != 0o755 || h.Typeflag != tar.TypeReg) {
					t.Errorf("%s has mode %o, type %c", h.Name, h.Mode, h.Typeflag)
				}
			}
			// Once more changes nothing.
			if again, _, err := overlay(after, ours); err != nil || !bytes.Equal(again, after) {
				t.Errorf("doing it again: %v, same: %t", err, bytes.Equal(again, after))
			}
		})
	}
}

func TestOverlayRefuses(t *testing.T) {
	detector := file("lifecycle/detector", machine(elf.EM_X86_64))
	good := file("lifecycle.toml", like(`"0.13"`))
	launcher := file("lifecycle/launcher", "launch")
	for _, test := range []struct {
		name    string
		entries []entry
		says    []string
	}{
		{"no descriptor", []entry{detector}, []string{"no lifecycle.toml"}},
		{"Prelude's own", []entry{good, detector, file("lifecycle/generator", "")}, []string{"no lifecycle/launcher", "a whole lifecycle"}},
		{"no detector", []entry{good, file("other", "")}, []string{"no lifecycle/detector"}},
		{"a newer Platform API", []entry{file("lifecycle.toml", like(`"0.15", "0.16", "1.0"`)), detector}, []string{"promises Platform API 0.16, 1.0", "0.15", "newer Prelude"}},
		{"an API of old", []entry{file("lifecycle.toml", like(`"0.6", "0.7"`)), detector}, []string{"promises Platform API 0.6,"}},
		{"no list", []entry{file("lifecycle.toml", "[api]\nplatform = \"0.7\"\n"), detector}, []string{"does not list the Buildpack APIs"}},
		{"a list that is none", []entry{file("lifecycle.toml", "[apis.platform]\nsupported = 7\n"), detector}, []string{"lifecycle.toml:"}},
		{"another architecture", []entry{good, launcher, file("lifecycle/detector", machine(elf.EM_AARCH64))}, []string{"for arm64", "for amd64", "-executables"}},
		{"another architecture, behind a link", []entry{good, symlink("lifecycle/detector", "lifecycle"), launcher, file("lifecycle/lifecycle", machine(elf.EM_S390))}, []string{"for s390x"}},
		{"a symbolic link to detector", []entry{good, detector, launcher, symlink("lifecycle/creator", "detector")}, []string{"lifecycle/creator is a link to lifecycle/detector"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := overlay(archive(test.entries...), ours)
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range test.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
		})
	}
	if _, _, err := overlay([]byte(strings.Repeat("no archive", 1000)), ours); err == nil {
		t.Error("no error for what is no archive")
	}
	whole := archive(good, detector)
	if _, _, err := overlay(whole[:len(good.raw)+700], ours); err == nil {
		t.Error("no error for an archive that is cut off")
	}
}

// A run that fails leaves an earlier archive alone; the same input makes the same bytes.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "lifecycle.tgz"), filepath.Join(dir, "new.tgz")
	for name, data := range ours {
		write(t, filepath.Join(dir, name), data)
	}
	packed, err := release.Gzip(archive(file("lifecycle.toml", like(`"0.13"`)), file("lifecycle/detector", "theirs"), file("lifecycle/launcher", "launch")))
	if err != nil {
		t.Fatal(err)
	}
	write(t, in, packed)
	if err := run(in, dir, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(in, dir, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(out); !bytes.Equal(first, second) {
		t.Error("twice the same, and other bytes")
	}
	write(t, in, []byte("no gzip"))
	if err := run(in, dir, out, io.Discard); err == nil || !strings.Contains(err.Error(), "is not a .tgz") {
		t.Errorf("no gzip: %v", err)
	}
	if err := run(in, filepath.Join(dir, "nowhere"), out, io.Discard); err == nil || !strings.Contains(err.Error(), "-executables") {
		t.Errorf("no executables: %v", err)
	}
	if after, _ := os.ReadFile(out); !bytes.Equal(first, after) {
		t.Error("the earlier archive is gone")
	}
}

// The new archive may take the place of the one that it is made from. It says so if that is what has happened, under
// whatever names, and not otherwise; links are not followed, so what they lead to stays.
func TestRunOnItself(t *testing.T) {
	packed, err := release.Gzip(archive(file("lifecycle.toml", like(`"0.13"`)), file("lifecycle/detector", "theirs"), file("lifecycle/launcher", "launch")))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, in, out string
		replaced      bool
	}{
		{"another file", "lifecycle.tgz", "new.tgz", false},
		{"the same name", "lifecycle.tgz", "lifecycle.tgz", true},
		{"another spelling", "lifecycle.tgz", "sub/../lifecycle.tgz", true},
		{"by way of a directory that is a link", "lifecycle.tgz", "here/lifecycle.tgz", true},
		{"read through a link", "link.tgz", "lifecycle.tgz", true},
		{"written to a link, which becomes a file", "lifecycle.tgz", "link.tgz", false},
		{"another name of the same file", "lifecycle.tgz", "hard.tgz", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return dir + "/" + name }
			for name, data := range ours {
				write(t, at(name), data)
			}
			write(t, at("lifecycle.tgz"), packed)
			for _, err := range []error{os.Mkdir(at("sub"), 0o755), os.Symlink(".", at("here")), os.Symlink("lifecycle.tgz", at("link.tgz")), os.Link(at("lifecycle.tgz"), at("hard.tgz"))} {
				if err != nil {
					t.Fatal(err)
				}
			}
			var said bytes.Buffer
			if err := run(at(test.in), dir, at(test.out), &said); err != nil {
				t.Fatal(err)
			}
			if says := strings.Contains(said.String(), "replaced "+at(test.in)+" itself: "); says != test.replaced {
				t.Errorf("replaced: %t, but it says\n%s", test.replaced, &said)
			}
			after, err := os.ReadFile(at(test.in))
			if err != nil || bytes.Equal(after, packed) == test.replaced {
				t.Errorf("the archive that was read is as it was: %t, %v", bytes.Equal(after, packed), err)
			}
			fresh, err := os.ReadFile(at(test.out))
			if err != nil || bytes.Equal(fresh, packed) {
				t.Errorf("the new archive is not there: %v", err)
			}
			if left, _ := filepath.Glob(at(".*")); len(left) > 0 {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// What is not a file is not replaced, by root neither.
func TestRunRefusesToReplace(t *testing.T) {
	dir := t.TempDir()
	packed, err := release.Gzip(archive(file("lifecycle.toml", like(`"0.13"`)), file("lifecycle/detector", "theirs"), file("lifecycle/launcher", "launch")))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range ours {
		write(t, filepath.Join(dir, name), data)
	}
	write(t, filepath.Join(dir, "lifecycle.tgz"), packed)
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{pipe, dir} {
		if err := run(filepath.Join(dir, "lifecycle.tgz"), dir, out, io.Discard); err == nil || !strings.Contains(err.Error(), out+" is not a file") {
			t.Errorf("%s: %v", out, err)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
