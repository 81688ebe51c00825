package invoke

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"
)

// elfProgram is the beginning of a program in Linux's own format. debug/elf reads these too, and much more of them: it would
// make the executables 0.3 MB larger, for two messages.
type elfProgram struct {
	data  []byte
	order binary.ByteOrder
	// wide says that it is one for 64 bits.
	wide bool
}

const elfMagic = "\x7fELF"

// parseELF is false if the data is not the beginning of such a program.
func parseELF(data []byte) (p elfProgram, ok bool) {
	if len(data) < 52 || !bytes.HasPrefix(data, []byte(elfMagic)) {
		return p, false
	}
	p = elfProgram{data, binary.LittleEndian, data[4] == 2}
	if data[5] == 2 {
		p.order = binary.BigEndian
	}
	return p, true
}

// field is the number at a place in the data, which differs between programs for 32 and for 64 bits; 0 if that is beyond
// what there is.
func (p elfProgram) field(narrow, wide, size int) int {
	at := narrow
	if p.wide {
		at = wide
	}
	if at < 0 || at+size > len(p.data) {
		return 0
	}
	switch size {
	case 2:
		return int(p.order.Uint16(p.data[at:]))
	case 4:
		return int(p.order.Uint32(p.data[at:]))
	}
	return int(p.order.Uint64(p.data[at:]))
}

// word is a field of 4 bytes in programs for 32 bits, and of 8 in others.
func (p elfProgram) word(narrow, wide int) int {
	if p.wide {
		return p.field(narrow, wide, 8)
	}
	return p.field(narrow, wide, 4)
}

// machine is the architecture that it is for, as the specification, and Go, name it.
func (p elfProgram) machine() string {
	number := p.field(18, 18, 2)
	names := map[int]string{3: "386", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64"}
	switch name, known := names[number]; {
	case !known:
		return fmt.Sprintf("machine %d", number)
	case name == "ppc64" && p.order == binary.LittleEndian:
		return "ppc64le"
	default:
		return name
	}
}

// loader is the program that has to load it; empty if it needs none, or that does not stand at its beginning.
func (p elfProgram) loader() string {
	const interpreter = 3
	table, size, count := p.word(28, 32), p.field(42, 54, 2), p.field(44, 56, 2)
	for i := range count {
		part := table + i*size
		if p.field(part, part, 4) != interpreter {
			continue
		}
		from, length := p.word(part+4, part+8), p.word(part+16, part+32)
		if from < 0 || length < 0 || from > len(p.data) || length > len(p.data)-from {
			return ""
		}
		return string(bytes.TrimRight(p.data[from:from+length], "\x00"))
	}
	return ""
}

// foreign says why a program of Linux's own format does not run: it is for another machine, or the loader that it names
// is not there. It is empty if neither is so.
func foreign(data []byte, err error) string {
	program, ok := parseELF(data)
	switch {
	case !ok:
		return fmt.Sprintf("it is a program, but a damaged one: %s", err)
	case errors.Is(err, syscall.ENOEXEC) && program.machine() != runtime.GOARCH:
		return fmt.Sprintf("it is a program for %s, and this machine is %s", program.machine(), runtime.GOARCH)
	case errors.Is(err, fs.ErrNotExist) && program.loader() != "":
		return fmt.Sprintf("it needs the loader %q, which is not in this image: link it statically, or against the libraries of this image", program.loader())
	}
	return ""
}
