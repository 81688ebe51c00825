package tomlconfig

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/internal/similar"
)

// mostWarnings is how many things of a kind a file is warned of; of more, only the number is told.
const mostWarnings = 20

// Warning is an unknown key, or a number of them.
type Warning struct {
	// Line is counted from 1.
	Line int
	// Key is the whole dotted key.
	Key string
	// Nearest is the known key at the same place that is most like it; empty if none is.
	Nearest string
	// More is the number of unknown keys that are not named; then nothing else is set.
	More int
}

// String is the part of the message after the name of the file.
func (w Warning) String() string {
	if w.More > 0 {
		return fmt.Sprintf("and %d more unknown keys", w.More)
	}
	text := fmt.Sprintf("line %d: unknown key %q", w.Line, Shown(w.Key))
	if w.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", w.Nearest)
	}
	return text
}

// unknownKeys are those that have no place in the type, in the order of the file. An unknown table counts once.
func unknownKeys(data []byte, meta toml.MetaData, into reflect.Type) []Warning {
	list := meta.Undecoded()
	if len(list) == 0 {
		return nil
	}
	u := unknown{shape: shapeOf(into)}
	if walk(data, u.see) != nil { // the deciding library reads more than the other
		u = unknown{shape: u.shape}
		u.search(data, list)
	}
	if u.count > mostWarnings {
		u.warnings = append(u.warnings, Warning{More: u.count - mostWarnings})
	}
	return u.warnings
}

// unknown collects unknown keys.
type unknown struct {
	shape    *shape
	warnings []Warning
	count    int
	// last is the key that was unknown last: what is below it does not count.
	last []string
}

// see looks at a key, and reports whether to look at what is below it.
func (u *unknown) see(key []string, line func() int) bool {
	if u.shape.has(key) {
		return true
	}
	if last := len(u.last); last > 0 && len(key) > last && slices.Equal(key[:last], u.last) {
		return false
	}
	u.last = key
	u.count++
	if u.count <= mostWarnings {
		u.warnings = append(u.warnings, Warning{Line: line(), Key: strings.Join(key, "."), Nearest: u.shape.nearest(key)})
	}
	return false
}

// search finds keys of which only the names are known: each stands on the first line with its last part.
func (u *unknown) search(data []byte, keys []toml.Key) {
	for _, key := range keys {
		u.see(key, func() int {
			return bytes.Count(data[:max(0, bytes.Index(data, []byte(key[len(key)-1])))], []byte("\n")) + 1
		})
	}
}

// shape is what a table may have: any keys, if it is open, or those with a tag.
type shape struct {
	open  bool
	names []string
	below map[string]*shape
}

func shapeOf(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	s := &shape{open: t.Kind() == reflect.Interface || t.Kind() == reflect.Map}
	if t.Kind() != reflect.Struct {
		return s
	}
	s.below = map[string]*shape{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		s.names = append(s.names, name)
		s.below[name] = shapeOf(t.Field(i).Type)
	}
	return s
}

// field is what is below a key, in upper or lower case; nil if it has no place.
func (s *shape) field(name string) *shape {
	if below, ok := s.below[name]; ok {
		return below
	}
	for _, known := range s.names {
		if strings.EqualFold(known, name) {
			return s.below[known]
		}
	}
	return nil
}

func (s *shape) has(key []string) bool {
	for _, part := range key {
		if s.open {
			return true
		}
		if s = s.field(part); s == nil {
			return false
		}
	}
	return true
}

// nearest is the known key that is most like the last part of an unknown one, in the table that holds it.
func (s *shape) nearest(key []string) string {
	last := len(key) - 1
	for _, part := range key[:last] {
		if s = s.field(part); s == nil {
			return ""
		}
	}
	name, _ := similar.Closest(key[last], s.names)
	return name
}
