package report

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/platform"
)

// fill sets every field that a report has, all texts to the same.
func fill(v reflect.Value, text string, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), text, depth-1)
		}
	case reflect.Slice:
		if depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), text, depth-1)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{text: text}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text, depth)
		}
	}
}

// Whatever somebody else has written, wherever it stands, it is text in the page.
func TestHTMLEscapesEverything(t *testing.T) {
	for _, text := range []string{
		`"'><script>alert(1)</script>`, `</title></style></textarea><script>alert(1)</script>`, `--><script>alert(1)</script><!--`,
		`" onmouseover="alert(1)" x="`, `javascript:alert(1)//<script>`, `https://example.com/"><script>alert(1)</script>`, "{{.}}<script>",
	} {
		for _, failed := range []int{0, platform.CodeNoGroup, platform.CodeGenerate} {
			var r Report
			fill(reflect.ValueOf(&r).Elem(), text, 12)
			r.Outcome.ExitCode = failed
			page, err := r.HTML()
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"<script", `" onmouseover="`, `href="javascript:`, "</textarea"} {
				if strings.Contains(string(page), bad) {
					t.Errorf("%q stands in the page of a report full of %q", bad, text)
				}
			}
			if n := strings.Count(string(page), "</style>"); n != 1 {
				t.Errorf("%d styles end in the page of a report full of %q", n, text)
			}
		}
	}
}

// A report with nothing in it, as of a phase that ended at once, is a page too.
func TestHTMLOfNothing(t *testing.T) {
	for _, code := range []int{0, 1, 12, 20, 21, 91, 92, 130} {
		page, err := Report{Outcome: Outcome{ExitCode: code, Error: "what happened"}}.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if says := strings.Contains(string(page), "what happened"); says != (code != 0) {
			t.Errorf("exit code %d: the error is shown: %t", code, says)
		}
	}
}

func TestTickStep(t *testing.T) {
	for end, want := range map[float64]float64{1: 0.2, 7: 1, 10: 2, 236: 50, 999: 200, 40000: 10000} {
		if got := tickStep(end); got != want {
			t.Errorf("%v: %v, want %v", end, got, want)
		}
	}
}
