package tomlconfig

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cnb-prelude/prelude/internal/tidy"
)

var (
	// header is a line that begins a table, or one of an array of tables.
	header = tidy.Pattern(`^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$`)
	// scalar is a line with a value that is neither a table nor an array nor of several lines.
	scalar = tidy.Pattern(`^\s*([\w."-]+)\s*=\s*([^\s"'\[{#]+|"[^"\\]*"|'[^']*')\s*(?:#.*)?$`)
	// mapping is a line of YAML.
	mapping = tidy.Pattern(`^\s*(?:- )?[\w-]+:(?:\s|$)`)
)

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
