package dockerfile

import (
	"bytes"
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
)

// How much there may be in a Dockerfile.
const (
	MaxBytes = 1 << 20
	MaxLines = 10_000
	// maxWords bounds the memory of the parser, which keeps some hundred bytes for each word.
	maxWords = 100_000
	// In a file with here-documents, the parser's time grows with the square of these.
	maxHereBytes     = 256 << 10
	maxHereVariables = 2_000
)

const hintLarge = "put files and scripts that the image needs into the build context and copy them"

// checkSize refuses a Dockerfile that would take more than a second or 64 MiB to read.
func checkSize(kind buildpack.DockerfileKind, data []byte) error {
	limits := []struct {
		what       string
		most       int
		has        func() int
		onlyInHere bool
	}{
		{"bytes", MaxBytes, func() int { return len(data) }, false},
		{"lines", MaxLines, func() int { return bytes.Count(data, []byte("\n")) }, false},
		{"words", maxWords, func() int { return countAny(data, " \t=,") }, false},
		{"bytes and here-documents (<<)", maxHereBytes, func() int { return len(data) }, true},
		{"variables ${…} and here-documents (<<)", maxHereVariables, func() int { return bytes.Count(data, []byte("${")) }, true},
	}
	for _, limit := range limits {
		if limit.onlyInHere && !bytes.Contains(data, []byte("<<")) {
			break
		}
		if has := limit.has(); has > limit.most {
			return &Error{Message: fmt.Sprintf("%s has %d %s, and at most %d are read", kind.File(), has, limit.what, limit.most), hint: hintLarge}
		}
	}
	return nil
}

func countAny(data []byte, chars string) int {
	n := 0
	for _, c := range []byte(chars) {
		n += bytes.Count(data, []byte{c})
	}
	return n
}
