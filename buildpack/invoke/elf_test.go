package invoke

import (
	"bytes"
	"debug/elf"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
)

// What our reader says of programs is what the standard library's says.
func TestELF(t *testing.T) {
	tried := 0
	for _, path := range []string{"/proc/self/exe", "/bin/sh", "/usr/bin/env"} {
		data, err := os.ReadFile(path)
		file, notELF := elf.NewFile(bytes.NewReader(data))
		if err != nil || notELF != nil {
			continue
		}
		want := ""
		for _, part := range file.Progs {
			if part.Type == elf.PT_INTERP {
				text, err := io.ReadAll(part.Open())
				check(t, err)
				want = strings.TrimRight(string(text), "\x00")
			}
		}
		p, ok := parseELF(data[:4096])
		if !ok || p.machine() != runtime.GOARCH || p.loader() != want {
			t.Errorf("%s: %t, %s, loader %q, want %q", path, ok, p.machine(), p.loader(), want)
		}
		tried++
	}
	if tried == 0 {
		t.Error("no program to try it with")
	}
}

// The other three formats: for 32 bits, and with the other order of bytes.
func TestELFFormats(t *testing.T) {
	for _, test := range []struct{ why, text, machine, loader string }{
		{"32 bits", "\x7fELF\x01\x01\x01" + zeros(9) + "\x03\x00\x28\x00\x01\x00\x00\x00" + zeros(4) + "\x34\x00\x00\x00" + zeros(10) + "\x20\x00\x01\x00" + zeros(6) +
			"\x03\x00\x00\x00\x54\x00\x00\x00" + zeros(8) + "\x04\x00\x00\x00" + zeros(12) + "/ld\x00", "arm", "/ld"},
		{"64 bits, the great end first", "\x7fELF\x02\x02\x01" + zeros(9) + "\x00\x03\x00\x16" + zeros(44), "s390x", ""},
		{"the same number with either end first", "\x7fELF\x02\x01\x01" + zeros(9) + "\x03\x00\x15\x00" + zeros(44), "ppc64le", ""},
		{"a machine that nobody knows", "\x7fELF\x02\x01\x01" + zeros(9) + "\x03\x00\xff\xff" + zeros(44), "machine 65535", ""},
		{"a loader beyond the end", elfText(elf.EM_X86_64, "/ld")[:121], "amd64", ""},
	} {
		p, ok := parseELF([]byte(test.text))
		if !ok || p.machine() != test.machine || p.loader() != test.loader {
			t.Errorf("%s: %t, %s, %q", test.why, ok, p.machine(), p.loader())
		}
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }
