// Package web holds the browser's page and serves it from the program itself.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"sync"
)

// dist is what `make web` builds from src; it is committed, so that building
// and running livedub needs no Node.
//
//go:embed dist
var dist embed.FS

// policy lets the page load its own files and speak to its own server, and
// nothing else. A video that a person picks is a blob, and so is hls.js's worker.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// frames carry their style within: it changes with the reader's colour scheme.
const framePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// powers are what the page may ask a person for.
const powers = "camera=(self), microphone=(self), fullscreen=(self), autoplay=(self), display-capture=(), geolocation=()"

// tags are the page's files and its front endpoint, by path.
var tags = sync.OnceValue(func() map[string]string {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return etags(root)
})

// Has tells whether the page has a file at path, a URL's.
func Has(path string) bool { return tags()[path] != "" }

// Handler serves the page at / and its files beside it; folders are not listed.
func Handler() http.Handler {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	files := http.FileServerFS(root)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" && strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		if strings.HasSuffix(r.URL.Path, ".svg") {
			h.Set("Content-Security-Policy", framePolicy)
		}
		h.Set("Permissions-Policy", powers)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		if tag := tags()[r.URL.Path]; tag != "" {
			h.Set("ETag", tag)
		}
		files.ServeHTTP(w, r)
	})
}

// etags names each file's content by its path: embedded files have no times,
// so this alone lets a browser keep what it has.
func etags(root fs.FS) map[string]string {
	tags := map[string]string{}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, p)
		sum := sha256.Sum256(b)
		tags["/"+p] = `"` + hex.EncodeToString(sum[:8]) + `"`
		return err
	})
	if err != nil {
		panic(err) // the files are compiled in
	}
	tags["/"] = tags["/index.html"]
	return tags
}
