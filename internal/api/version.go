// Package api knows versions of the Cloud Native Buildpacks APIs and the two tables of those that Prelude supports.
package api

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a version of the Platform API or of the Buildpack API.
type Version struct{ Major, Minor int }

// V makes a version from its two numbers.
func V(major, minor int) Version { return Version{Major: major, Minor: minor} }

// Parse reads "<major>.<minor>" or "<major>", both plain decimal numbers; anything else is an error.
func Parse(text string) (Version, error) {
	major, minor, both := strings.Cut(text, ".")
	if !both {
		minor = "0"
	}
	a, err1 := strconv.ParseUint(major, 10, 16)
	b, err2 := strconv.ParseUint(minor, 10, 16)
	if err1 != nil || err2 != nil {
		return Version{}, fmt.Errorf("%q is not a version: want <major>.<minor>, for instance \"0.12\"", text)
	}
	return V(int(a), int(b)), nil
}

// String is the version as it is written in files; a version without a minor number has ".0".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// AtLeast reports whether v is o or newer.
func (v Version) AtLeast(o Version) bool {
	return v.Major > o.Major || v.Major == o.Major && v.Minor >= o.Minor
}

// Supported is a range of versions, both ends included.
type Supported struct{ Oldest, Newest Version }

// PlatformAPIs are the versions of the Platform API that detector and generator speak.
func PlatformAPIs() Supported { return Supported{V(0, 7), V(0, 15)} }

// BuildpackAPIs are the versions of the Buildpack API that a module may declare.
func BuildpackAPIs() Supported { return Supported{V(0, 7), V(0, 12)} }

// Has reports whether v lies in the range.
func (s Supported) Has(v Version) bool {
	return v.AtLeast(s.Oldest) && s.Newest.AtLeast(v)
}

// String lists the range for a message.
func (s Supported) String() string { return s.Oldest.String() + " to " + s.Newest.String() }
