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

// The verdict stands in the red box and in the title; the rest of the explanation comes below it, then the closest group and the
// others.
func TestHTMLOfFailure(t *testing.T) {
	r := failed(planned("some/install", nil, "node"))
	r.Inputs = []Setting{{"app", "/home/me/shop"}, {"order", "/cnb/order.toml"}}
	r.BuildImage = "registry.example/builder@sha256:" + strings.Repeat("0123456789abcdef", 4)
	r.Candidates = []Candidate{{Group: 2, Reason: "some/other@1 did not pass"}}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range []string{
		"<title>the verdict – shop</title>", `<div class="card bad"><p class="chain"><strong>the verdict</strong></p>`, "\">what to do</pre>",
		"<dd>/home/me/shop</dd>", ">registry.example/builder@sha256:0123456789ab…</dd>", "<dd>/cnb/order.toml</dd>",
		">Closest: the-closest</h2>", `<i class="dot missed"`, ">Groups that were tried</h2>", "<h3>Group 2</h3>", "some/other@1 did not pass",
	} {
		found := strings.Index(string(page)[at:], part)
		if found < 0 {
			t.Fatalf("%q is missing, or stands too early", part)
		}
		at += found
	}
}

func TestDetails(t *testing.T) {
	for _, c := range []struct {
		why  string
		text []string
		want string
	}{
		{"the verdict stands elsewhere", []string{"verdict"}, ""},
		{"all are indented, so none has to be", []string{"verdict", "  a", "    b"}, "a\n  b"},
		{"the indented line belongs to the one before it", []string{"verdict", "a", "  b"}, "a\n  b"},
	} {
		if got := details(Explanation{Text: c.text}); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}
