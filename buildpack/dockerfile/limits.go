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
	type limit struct {
		what      string
		has, most int
	}
	count := func(text string) int { return bytes.Count(data, []byte(text)) }
	limits := []limit{
		{"bytes", len(data), MaxBytes},
		{"lines", count("\n"), MaxLines},
		{"words", count(" ") + count("\t") + count("=") + count(","), maxWords},
	}
	if count("<<") > 0 {
		limits = append(limits,
			limit{"bytes and here-documents (<<)", len(data), maxHereBytes},
			limit{"variables ${…} and here-documents (<<)", count("${"), maxHereVariables})
	}
	for _, l := range limits {
		if l.has > l.most {
			return &Error{Message: fmt.Sprintf("%s has %d %s, and at most %d are read", kind.File(), l.has, l.what, l.most), hint: hintLarge}
		}
	}
	return nil
}
