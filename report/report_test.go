package report

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The schema and the Go types have the same keys, and the same ones of them are always there.
func TestSchemaIsTheTypes(t *testing.T) {
	data, err := os.ReadFile("../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]struct{ Description string }
		Required   []string
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(at reflect.Type) {
		for at.Kind() == reflect.Pointer || at.Kind() == reflect.Slice {
			at = at.Elem()
		}
		if at.Kind() != reflect.Struct || at.PkgPath() != reflect.TypeFor[Report]().PkgPath() || seen[at] {
			return
		}
		seen[at] = true
		described, name := schema.object, at.Name()
		if name != "Report" {
			name = strings.ToLower(name[:1]) + name[1:]
			described = schema.Defs[name]
		}
		keys, required := []string{}, []string{}
		for _, field := range reflect.VisibleFields(at) {
			visit(field.Type)
			if field.Anonymous {
				continue
			}
			key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			keys = append(keys, key)
			if options != "omitempty" {
				required = append(required, key)
			}
		}
		var inSchema []string
		for key := range described.Properties {
			inSchema = append(inSchema, key)
		}
		slices.Sort(keys)
		slices.Sort(inSchema)
		slices.Sort(required)
		slices.Sort(described.Required)
		if diff := cmp.Diff(inSchema, keys); diff != "" {
			t.Errorf("%s: keys (-schema +type):\n%s", at.Name(), diff)
		}
		if diff := cmp.Diff(described.Required, required); diff != "" {
			t.Errorf("%s: keys that are always there (-schema +type):\n%s", at.Name(), diff)
		}
	}
	visit(reflect.TypeFor[Report]())
	if len(seen) != len(schema.Defs)+1 {
		t.Errorf("%d types, %d definitions", len(seen), len(schema.Defs)+1)
	}
}
