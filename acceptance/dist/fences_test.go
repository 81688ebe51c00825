package dist

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// fence is a fenced block of a document.
type fence struct {
	info, body string
	line       int // of its first line, from 1
	start, end int // where its body is in the document; 0 if there is none
}

// command is a block of commands, and the block after it that shows what they print.
type command struct {
	fence
	mark  string // what stands behind "sh"
	shown fence
}

// parseFences returns the fenced blocks of a document, or an error if one never closes.
func parseFences(text string) ([]fence, error) {
	var fences []fence
	var open *fence
	at := 0
	for i, line := range strings.SplitAfter(text, "\n") {
		switch marker, info := strings.CutPrefix(strings.TrimRight(line, "\n"), "```"); {
		case open == nil && info:
			open = &fence{info: marker, line: i + 1, start: at + len(line)}
		case open != nil && info && marker == "":
			open.end = at
			open.body = text[open.start:at]
			fences = append(fences, *open)
			open = nil
		case open != nil && strings.Contains(line, "```"):
			return nil, fmt.Errorf("line %d: the block that begins in line %d never closes, or not in a line of its own", i+1, open.line)
		}
		at += len(line)
	}
	if open != nil {
		return nil, fmt.Errorf("the block that begins in line %d never closes", open.line)
	}
	return fences, nil
}

// commandsOf returns the blocks of commands. What a block prints is shown by a block "text" that comes next, before any other.
func commandsOf(fences []fence) []command {
	var commands []command
	for i, f := range fences {
		info, mark, _ := strings.Cut(f.info, " ")
		if info != "sh" {
			continue
		}
		c := command{fence: f, mark: mark}
		if i+1 < len(fences) && fences[i+1].info == "text" {
			c.shown = fences[i+1]
		}
		commands = append(commands, c)
	}
	return commands
}

// matches reports whether a block shows an output; "…" stands for any text.
func (f fence) matches(out string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(f.body), "…", "(?s:.*?)")
	return regexp.MustCompile("^" + pattern + "$").MatchString(out)
}

// TestFences: every fenced block of every page closes.
func TestFences(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseFences(string(text)); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}

// TestParseFences: what is not closed is an error, also where it runs into the next block's end.
func TestParseFences(t *testing.T) {
	good := "a\n```sh\nx\n```\n\n```text\ny\n```\n```go\n```\n"
	fences, err := parseFences(good)
	if err != nil || len(fences) != 3 || fences[0].body != "x\n" || good[fences[1].start:fences[1].end] != "y\n" || fences[2].line != 9 {
		t.Errorf("%v %+v", err, fences)
	}
	if c := commandsOf(fences); len(c) != 1 || c[0].shown.body != "y\n" {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{"```sh\nx\n", "```sh\nx\n```sh\ny\n```\n", "```text\n<meta charset```\n\n## Next\n"} {
		if fences, err := parseFences(bad); err == nil {
			t.Errorf("%q is %+v", bad, fences)
		}
	}
}
