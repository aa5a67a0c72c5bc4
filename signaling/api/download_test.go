package api

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"livedub/signaling/access"
)

func TestDownload(t *testing.T) {
	r, s := keeping(t)
	path := tapedAt(access.Watch, "") + "/es.mp4"
	got := r.Do("GET", path, "")
	tag := got.Header.Get("ETag")
	if got.Status != 200 || got.Body != string(s.video) || tag == "" || got.Header.Get("Content-Disposition") != "attachment; filename=talk-es.mp4" ||
		got.Header.Get("Content-Type") != "video/mp4" || got.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("%+v", got)
	}
	for name, c := range map[string]struct {
		headers []string
		status  int
		body    string
	}{
		"a range":        {[]string{"Range", "bytes=4-7"}, 206, "4567"},
		"to the end":     {[]string{"Range", "bytes=12-"}, 206, "cdef"},
		"the end":        {[]string{"Range", "bytes=-2"}, 206, "ef"},
		"beyond it":      {[]string{"Range", "bytes=99-"}, 416, "invalid range: failed to overlap\n"},
		"unchanged":      {[]string{"If-None-Match", tag}, 304, ""},
		"changed":        {[]string{"If-None-Match", `"x"`}, 200, string(s.video)},
		"resumed":        {[]string{"Range", "bytes=14-", "If-Range", tag}, 206, "ef"},
		"resumed, other": {[]string{"Range", "bytes=14-", "If-Range", `"x"`}, 200, string(s.video)},
	} {
		if got := r.Do("GET", path, "", c.headers...); got.Status != c.status || got.Body != c.body {
			t.Errorf("%s: %d %q", name, got.Status, got.Body)
		}
	}
	if got := r.Do("GET", path, "", "Range", "bytes=0-1,6-7"); got.Status != 206 || !strings.Contains(got.Body, "\r\n67\r\n") {
		t.Errorf("two ranges: %d %q", got.Status, got.Body)
	}
	if got := r.Do("HEAD", path, ""); got.Status != 200 || got.Body != "" || got.Header.Get("Content-Length") != "16" {
		t.Errorf("HEAD: %+v", got)
	}
	if got := r.Do("GET", tapedAt(access.Watch, "")+"/es/a/00000001.m4s", ""); got.Status != 200 || got.Header.Get("Content-Disposition") != "" {
		t.Errorf("a segment: %+v", got)
	}
}

// TestDownloadElsewhere: who downloads is sent to the store; the page is not.
func TestDownloadElsewhere(t *testing.T) {
	r, s := keeping(t)
	s.link = "https://s3.example/"
	path := tapedAt(access.Watch, "") + "/es.mp4"
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r.Request("GET", path, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 302 || resp.Header.Get("Location") != "https://s3.example/es.mp4?as=talk-es.mp4" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if got := r.Do("GET", path+"?through=server", ""); got.Status != 200 || got.Body != string(s.video) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

// TestDownloadBreaksOff: a store that fails half-way does not end as if all had come.
func TestDownloadBreaksOff(t *testing.T) {
	r, s := keeping(t)
	s.broken = true
	resp := r.Start(r.Request("GET", tapedAt(access.Watch, "")+"/es.mp4", ""))
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("all is well: %q", got)
	}
}

// TestCloseEndsDownloads: a server that ends does not wait for who downloads slowly.
func TestCloseEndsDownloads(t *testing.T) {
	r, s := keeping(t)
	s.holds = make(chan struct{})
	s.video = bytes.Repeat([]byte("x"), 1<<20)
	resp := r.Start(r.Request("GET", tapedAt(access.Watch, "")+"/es.mp4", ""))
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	r.endpoint.Close()
	if got := r.Do("GET", tapedAt(access.Watch, "")+"/es.mp4", ""); got.Status != 503 {
		t.Errorf("after it: %d", got.Status)
	}
	r.Eventually("the download ends", func() bool { return r.Serving() == 0 })
}
