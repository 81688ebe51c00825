package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/tidy"
)

// imageName matches what Docker reads as the name of an image: perhaps a registry, perhaps with a port, a repository in lower case, perhaps a
// tag, perhaps a digest.
var imageName = tidy.Pattern(`^(` +
	`(?:(?:` + label + `(?:\.` + label + `)+(?::[0-9]+)?|` + label + `:[0-9]+|localhost|\[[a-fA-F0-9:]+\](?::[0-9]+)?)/)?` +
	`[a-z0-9]+(?:(?:\.|__?|-+|/)[a-z0-9]+)*)` +
	`(?::\w[\w.-]{0,127})?` +
	`(?:@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?$`)

const label = `[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?`

// longestName is how many characters Docker allows in the name of an image, without tag and digest.
const longestName = 255

// transports are the words before a colon by which some builders are told to read an image from elsewhere than a registry. docker is not
// among them: there is an image of that name, and docker://… is not the name of one.
func transports() []string {
	return []string{"containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree", "sif", "tarball"}
}

// CheckImageName refuses what is not the name of an image in a registry: a path, a transport such as oci:, or a name that Docker would not
// read. The error says what is wrong with it.
func CheckImageName(image string) error {
	before, _, colon := strings.Cut(image, ":")
	parts := imageName().FindStringSubmatch(image)
	switch {
	case strings.HasPrefix(image, "/"), strings.HasPrefix(image, "."):
		return errors.New("it is a path")
	case colon && (slices.Contains(transports(), before) || strings.HasPrefix(image, before+"://")):
		return fmt.Errorf("%s is a transport, by which a builder may read a file", short(before+":"))
	case parts == nil || len(parts[1]) > longestName:
		return errors.New("registries have no such name")
	}
	return nil
}
