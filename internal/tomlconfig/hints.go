package tomlconfig

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/cnb-prelude/prelude/internal/tidy"
)

var (
	// header is a line that begins a table, or one of an array of tables.
	header = pattern(`^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$`)
	// scalar is a line with a value that is neither a table nor an array nor of several lines.
	scalar = pattern(`^\s*([\w."-]+)\s*=\s*([^\s"'\[{#]+|"[^"\\]*"|'[^']*')\s*(?:#.*)?$`)
	// mapping is a line of YAML.
	mapping = pattern(`^\s*(?:- )?[\w-]+:(?:\s|$)`)
)

// pattern returns a regular expression that is compiled when it is first needed, after an error.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// advise adds to an error what to try.
func (e *SyntaxError) advise(data []byte) {
	line, value := header().FindStringSubmatch(e.Text), scalar().FindStringSubmatch(e.Text)
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		e.Line, e.Column, e.Message, e.hint = 1, 1, "this is UTF-16", "save the file as UTF-8"
	case line != nil && line[1] == "[" && strings.HasSuffix(e.Message, "want array"):
		e.hint = fmt.Sprintf("write [[%s]]: it is a list of tables", line[2])
	case line != nil && line[1] == "[[" && strings.HasPrefix(e.Message, "expected table"):
		e.hint = fmt.Sprintf("write [%s]: it is one table", line[2])
	case value != nil && strings.HasSuffix(e.Message, "want string"):
		e.hint = fmt.Sprintf("put the value in quotes: %s = %q", value[1], value[2])
	case value != nil && strings.HasSuffix(e.Message, "want boolean"):
		e.hint = fmt.Sprintf("leave the quotes out: %s = %s", value[1], strings.Trim(value[2], `"'`))
	case strings.ContainsAny(e.Text, "“”„‘’"):
		e.hint = `use plain quotes: "`
	case mapping().MatchString(e.Text):
		e.hint = `this looks like YAML; in TOML it is key = "value"`
	case strings.HasPrefix(e.Message, "expected value but found"):
		e.hint = `text stands in quotes: key = "value"`
	}
}

// longest is how many bytes of a line are shown.
const longest = 200

// Shown returns a line of a file as a message shows it: shortened, and without what a terminal would obey.
func Shown(line string) string {
	line = strings.TrimSpace(line)
	cut := ""
	if len(line) > longest {
		line, cut = line[:longest], "…"
	}
	return tidy.Text(strings.ToValidUTF8(line, "\uFFFD")) + cut
}
