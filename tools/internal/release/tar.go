package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// File is a file of an archive.
type File struct {
	// Name has slashes between.
	Name string
	Data []byte
	// Executable reports whether it can be run.
	Executable bool
}

// Tar packs files and the directories above them, sorted, all of one time and owned by root.
func Tar(files []File, at time.Time) ([]byte, error) {
	entries := map[string]*tar.Header{}
	data := map[string][]byte{}
	for _, f := range files {
		for above, _ := filepath.Split(f.Name); above != "" && above != "/"; above, _ = filepath.Split(strings.TrimSuffix(above, "/")) {
			entries[above] = &tar.Header{Typeflag: tar.TypeDir, Name: above, Mode: 0o755}
		}
		mode := int64(0o644)
		if f.Executable {
			mode = 0o755
		}
		entries[f.Name] = &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: mode, Size: int64(len(f.Data))}
		data[f.Name] = f.Data
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		header := entries[name]
		header.ModTime = at
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(data[name]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// Gzip compresses, and says nothing of a name or a time.
func Gzip(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// Gunzip is the reverse of Gzip.
func Gunzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// Untar returns the files of an archive, by name.
func Untar(data []byte) (map[string]File, error) {
	files := map[string]File{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		files[header.Name] = File{Name: header.Name, Data: text, Executable: header.Mode&0o111 != 0}
	}
}

// WriteFile writes a file whole or not at all.
func WriteFile(path string, data []byte) error {
	beside, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(beside.Name())
	_, err = beside.Write(data)
	if err == nil {
		err = beside.Chmod(0o644)
	}
	if closed := beside.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(beside.Name(), path)
}
