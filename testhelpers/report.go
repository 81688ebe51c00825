package testhelpers

import (
	"bytes"
	"regexp"
)

var (
	reportTimes   = regexp.MustCompile(`"(startMS|durationMS|totalMS)": [0-9.e+-]+`)
	reportStarted = regexp.MustCompile(`"started": "[^"]*"`)
	reportBuild   = regexp.MustCompile(`"prelude": "[^"]*"`)
	reportArch    = regexp.MustCompile(`"arch": "(amd64|arm64)"`)
)

// MaskReport replaces what differs from run to run and from machine to machine in a report: times, the version of the
// executable, the architecture and the working directory.
func MaskReport(text []byte, work string) []byte {
	text = reportTimes.ReplaceAll(text, []byte(`"$1": 0`))
	text = reportStarted.ReplaceAll(text, []byte(`"started": "TIME"`))
	text = reportBuild.ReplaceAll(text, []byte(`"prelude": "VERSION"`))
	text = reportArch.ReplaceAll(text, []byte(`"arch": "ARCH"`))
	return bytes.ReplaceAll(text, []byte(work), []byte("$WORK"))
}
