package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
)

// entry is an entry of an archive: what it says and how it is written, headers and padding included.
type entry struct {
	header *tar.Header
	data   []byte
	raw    []byte
}

const block = 512

// split takes an archive apart; the entries' bytes and the end, one after the other, are the archive.
func split(archive []byte) (entries []entry, end []byte, err error) {
	in := bytes.NewReader(archive)
	from := 0
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if err == io.EOF {
			return entries, archive[from:], nil
		}
		if err != nil {
			return nil, nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", header.Name, err)
		}
		to := len(archive) - in.Len()
		to = min((to+block-1)/block*block, len(archive))
		entries = append(entries, entry{header, data, archive[from:to]})
		from = to
	}
}

// find is the place of the last entry of that name, which is the one that counts, or -1.
func find(entries []entry, name string) int {
	for i, e := range slices.Backward(entries) {
		if path.Clean(e.header.Name) == name {
			return i
		}
	}
	return -1
}

// target is the place of what a link points to, or -1 if the entry is no link or points to nothing in the archive.
func target(entries []entry, at int) int {
	switch h := entries[at].header; h.Typeflag {
	case tar.TypeSymlink:
		if path.IsAbs(h.Linkname) {
			return -1
		}
		return find(entries, path.Join(path.Dir(h.Name), h.Linkname))
	case tar.TypeLink:
		return find(entries, path.Clean(h.Linkname))
	}
	return -1
}

// content is what is read through an entry, links followed.
func content(entries []entry, at int) []byte {
	for range 10 {
		if entries[at].header.Typeflag == tar.TypeReg {
			return entries[at].data
		}
		if at = target(entries, at); at < 0 {
			return nil
		}
	}
	return nil
}

// put makes data the content of a name: in the place of what has it, or right after another entry. If the content that was
// there is what other names link to, the first of these gets it, and the others link to that one.
func put(entries []entry, beside int, name string, data []byte) (did string, changed []entry, err error) {
	at := find(entries, name)
	like, did := entries[beside].header, "added "+name
	if at >= 0 {
		like = entries[at].header
		did = "replaced " + name
		if like.Linkname != "" {
			did += ", a link to " + like.Linkname
		}
	}
	mine, err := encode(&tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(path.Dir(like.Name), path.Base(name)), Mode: 0o755, Size: int64(len(data)),
		Uid: like.Uid, Gid: like.Gid, Uname: like.Uname, Gname: like.Gname, ModTime: like.ModTime,
	}, data)
	if err != nil {
		return "", nil, err
	}
	changed = slices.Clone(entries)
	if at < 0 {
		return did, slices.Insert(changed, beside+1, mine), nil
	}
	changed[at] = mine
	heir := ""
	for i, e := range entries {
		if i == at || target(entries, i) != at {
			continue
		}
		header := *e.header
		switch {
		case header.Typeflag == tar.TypeSymlink || like.Typeflag != tar.TypeReg:
			return "", nil, fmt.Errorf("%s is a link to %s, and so would become Prelude's; this is not known of any lifecycle and not supported", header.Name, name)
		case heir == "":
			heir = header.Name
			header.Typeflag, header.Linkname, header.Size, header.Mode = tar.TypeReg, "", int64(len(entries[at].data)), like.Mode
			changed[i], err = encode(&header, entries[at].data)
		default:
			header.Linkname = heir
			changed[i], err = encode(&header, nil)
		}
		if err != nil {
			return "", nil, err
		}
	}
	return did, changed, nil
}

// encode writes an entry.
func encode(header *tar.Header, data []byte) (entry, error) {
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	if err := w.WriteHeader(header); err != nil {
		return entry{}, err
	}
	if _, err := w.Write(data); err != nil {
		return entry{}, err
	}
	err := w.Flush()
	return entry{header, data, raw.Bytes()}, err
}
