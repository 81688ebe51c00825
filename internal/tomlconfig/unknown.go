package tomlconfig

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// mostWarnings is how many unknown keys of a file are named.
const mostWarnings = 20

// Warning is an unknown key, or a number of them.
type Warning struct {
	// Line is counted from 1; 0 if it is not known.
	Line int
	// Key is the whole dotted key.
	Key string
	// Nearest is the known key of the same table that is most like it; empty if none is.
	Nearest string
	// More is the number of unknown keys that are not named; then nothing else is set.
	More int
}

// String is the part of the message after the name of the file.
func (w Warning) String() string {
	if w.More > 0 {
		return fmt.Sprintf("and %d more unknown keys", w.More)
	}
	text := fmt.Sprintf("unknown key %q", tidy.Shown(w.Key))
	if w.Line > 0 {
		text = fmt.Sprintf("line %d: %s", w.Line, text)
	}
	if w.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", w.Nearest)
	}
	return text
}

// unknownKeys returns a warning for each key that has no field in the type, in the order of the file.
func unknownKeys(data []byte, meta toml.MetaData, into reflect.Type) []Warning {
	keys := meta.Undecoded()
	if len(keys) == 0 {
		return nil
	}
	u := unknown{into: into}
	if walk(data, u.see) != nil { // BurntSushi/toml reads more than go-toml
		u = unknown{into: into}
		for _, key := range keys {
			u.see(key, 0)
		}
	}
	if u.count > mostWarnings {
		u.warnings = append(u.warnings, Warning{More: u.count - mostWarnings})
	}
	return u.warnings
}

// unknown collects unknown keys. An unknown table counts once, with all that it has.
type unknown struct {
	into     reflect.Type
	warnings []Warning
	count    int
	// last is the last unknown key.
	last []string
}

func (u *unknown) see(key []string, line int) {
	table, known := lookUp(u.into, key)
	last := len(u.last)
	if known || last > 0 && len(key) > last && slices.Equal(key[:last], u.last) {
		return
	}
	u.last = key
	u.count++
	if u.count > mostWarnings {
		return
	}
	w := Warning{Line: line, Key: strings.Join(key, ".")}
	if table != nil {
		w.Nearest, _ = similar.Closest(key[len(key)-1], names(table))
	}
	u.warnings = append(u.warnings, w)
}

// lookUp reports whether a type has a field for a key, in upper or lower case. If it has not, lookUp returns the struct
// where the last name of the key is missing; nil if already one before is.
func lookUp(t reflect.Type, key []string) (table reflect.Type, known bool) {
	for i, name := range key {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() == reflect.Interface || t.Kind() == reflect.Map { // such as metadata
			return nil, true
		}
		at := slices.IndexFunc(names(t), func(known string) bool { return strings.EqualFold(known, name) })
		if at < 0 && i == len(key)-1 {
			return t, false
		}
		if at < 0 {
			return nil, false
		}
		t = t.Field(at).Type
	}
	return nil, true
}

// names returns the keys of a table: one for each field of a struct.
func names(t reflect.Type) (names []string) {
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		names = append(names, name)
	}
	return names
}
