package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestValue: where a value stands, whatever comes before it.
func TestValue(t *testing.T) {
	const doc = ` { "a" : [ 1 , {"b":"]}"} ], "c":{"a":{"d": null}}, "e":[] }`
	for _, c := range []struct {
		path []any
		want string
	}{
		{[]any{"a", 0}, "1"}, {[]any{"a", 1, "b"}, `"]}"`}, {[]any{"c", "a", "d"}, "null"}, {[]any{"e"}, "[]"},
		{[]any{"a", 2}, ""}, {[]any{"d"}, ""}, {[]any{"c", 0}, ""}, {[]any{"a", 0, "x"}, ""},
	} {
		at, ok, err := value([]byte(doc), c.path...)
		if err != nil || ok != (c.want != "") || doc[at.start:at.end] != c.want {
			t.Errorf("%v: %q %t %v", c.path, doc[at.start:at.end], ok, err)
		}
	}
}

// FuzzSplice: what was put behind the last element of an array or an object is an element of it, and taken out again it leaves
// the very bytes that were there.
func FuzzSplice(f *testing.F) {
	for _, seed := range []string{`{"a":[]}`, `{"a":{}}`, `{"a":[ 1 , 2 ]}`, "{\"b\":1,\"a\":{\"x\":{}\n\t}\n}", `{"a":3}`, `{"a":"]"}`, `{"a`, `{"a":[],"a":[1]}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		at, ok, err := value(doc, "a")
		if err != nil || !ok || (doc[at.start] != '[' && doc[at.start] != '{') {
			return
		}
		element := []byte(`"new"`)
		if doc[at.start] == '{' {
			element = []byte(`"new":1`)
		}
		longer, err := appendTo(doc, element, "a")
		if err != nil {
			t.Fatal(err)
		}
		if json.Valid(doc) && !json.Valid(longer) {
			t.Fatalf("%s became %s", doc, longer)
		}
		back, err := cut(longer, element, "a")
		if err != nil || !bytes.Equal(back, doc) {
			t.Fatalf("%s became %s, and then %s: %v", doc, longer, back, err)
		}
	})
}
