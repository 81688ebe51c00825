package main

import (
	"io"
	"log"
	"net/http"
	"strings"
)

// recorder notes the blobs that are sent to a registry.
type recorder struct {
	http.Handler
	uploads *[]string
}

func (r recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/blobs/uploads/") {
		*r.uploads = append(*r.uploads, request.URL.String())
	}
	r.Handler.ServeHTTP(w, request)
}

func discard() *log.Logger { return log.New(io.Discard, "", 0) }
