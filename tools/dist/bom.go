package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
	"golang.org/x/mod/module"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// bom makes an executable's bill of materials from its build info, and returns the licence texts and notices of the modules of
// others in it, by their names in an archive: they must be passed on with the executable.
func bom(r release.Release, file string, data []byte) ([]byte, map[string]release.File, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(data)
	main := cdx.Component{
		BOMRef:     purl(info.Main.Path, "v"+r.Version) + "#" + strings.TrimPrefix(info.Path, info.Main.Path+"/"),
		Type:       cdx.ComponentTypeApplication,
		Name:       path.Base(info.Path),
		Version:    r.Version,
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sum)}},
		PackageURL: purl(info.Main.Path, "v"+r.Version),
		Licenses:   named("Apache-2.0"),
	}
	properties := []cdx.Property{}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || s.Key == "CGO_ENABLED" {
			properties = append(properties, cdx.Property{Name: "cdx:gomod:build:env:" + s.Key, Value: s.Value})
		}
	}
	main.Properties = &properties
	gone := strings.TrimPrefix(info.GoVersion, "go")
	components := []cdx.Component{{
		BOMRef: purl("std", gone), Type: cdx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion, PackageURL: purl("std", gone), Licenses: named("BSD-3-Clause"),
	}}
	var others []*debug.Module
	for _, dep := range info.Deps {
		if dep.Replace != nil && dep.Replace.Version == "(devel)" { // Prelude's own, from the directory beside
			own := component(&debug.Module{Path: dep.Path, Version: "v" + r.Version})
			own.Licenses = named("Apache-2.0")
			components = append(components, own)
			continue
		}
		if dep.Replace != nil {
			dep = dep.Replace
		}
		others = append(others, dep)
	}
	texts, err := licences(others)
	if err != nil {
		return nil, nil, err
	}
	all := map[string]release.File{}
	for _, dep := range others {
		c := component(dep)
		if c.Licenses = identify(texts[dep.Path]); c.Licenses == nil {
			return nil, nil, fmt.Errorf("%s@%s: no licence is known that its files %v are the text of", dep.Path, dep.Version, slices.Sorted(maps.Keys(texts[dep.Path])))
		}
		components = append(components, c)
		maps.Copy(all, texts[dep.Path])
	}
	refs := make([]string, len(components))
	for i, c := range components {
		refs[i] = c.BOMRef
	}
	bill := cdx.NewBOM()
	bill.SerialNumber = serial(sum)
	bill.Metadata = &cdx.Metadata{Timestamp: r.Time.Format("2006-01-02T15:04:05Z"), Component: &main}
	bill.Components = &components
	bill.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	var text bytes.Buffer
	err = cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bill, cdx.SpecVersion1_5)
	return text.Bytes(), all, err
}

func component(m *debug.Module) cdx.Component {
	c := cdx.Component{BOMRef: purl(m.Path, m.Version), Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl(m.Path, m.Version)}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sum)}}
	}
	return c
}

func purl(module, version string) string {
	return "pkg:golang/" + module + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// serial is a UUID of our own making (version 8) from a checksum, so that the same executable has the same bill.
func serial(sum [sha256.Size]byte) string {
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// legal are the names of files that have to go with what is made of a module.
var legal = regexp.MustCompile(`^(LICEN[CS]E|COPYING|NOTICE)([-.].*)?$`)

// licences returns the licence texts and notices of modules, by the modules' paths and then by the files' names in an archive.
func licences(modules []*debug.Module) (map[string]map[string]release.File, error) {
	texts := map[string]map[string]release.File{}
	if len(modules) == 0 {
		return texts, nil
	}
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("licences: %w", err)
	}
	cache := strings.TrimSpace(string(out)) // they are in it, for they were built
	for _, m := range modules {
		file, err := module.EscapePath(m.Path)
		if err != nil {
			return nil, err
		}
		version, err := module.EscapeVersion(m.Version)
		if err != nil {
			return nil, err
		}
		if texts[m.Path], err = legalFiles(m.Path, filepath.Join(cache, file+"@"+version)); err != nil {
			return nil, err
		}
		if len(texts[m.Path]) == 0 {
			return nil, fmt.Errorf("%s@%s has no licence", m.Path, m.Version)
		}
	}
	return texts, nil
}

// legalFiles are a module's own.
func legalFiles(name, dir string) (map[string]release.File, error) {
	entries, err := os.ReadDir(dir)
	files := map[string]release.File{}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !legal.MatchString(entry.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		file := path.Join("licenses", name, entry.Name())
		files[file] = release.File{Name: file, Data: data}
	}
	return files, err
}

// identify returns the licences that files are the texts of, or nil if there are none.
func identify(files map[string]release.File) *cdx.Licenses {
	var ids []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, match := range licensecheck.Scan(files[name].Data).Match {
			if !match.IsURL && !slices.Contains(ids, match.ID) {
				ids = append(ids, match.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return named(ids...)
}

// named lists licences by their SPDX identifiers.
func named(ids ...string) *cdx.Licenses {
	var list cdx.Licenses
	for _, id := range ids {
		list = append(list, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return &list
}
