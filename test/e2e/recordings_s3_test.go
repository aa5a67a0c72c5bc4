package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/s3proc"
	"livedub/recording"
	"livedub/store/s3"
)

// TestRecordingsOnS3 records a call into a bucket whose server is away for a while,
// kills the recorder, and starts it again: all that was recorded is in the bucket then,
// plays through a link, and is gone when it is deleted.
func TestRecordingsOnS3(t *testing.T) {
	bucket, err := s3proc.New(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bucket.Close)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s3proc.Key, "AWS_SECRET_ACCESS_KEY": s3proc.Secret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	start := func() *server {
		return serve(t, "--record", "dubs", "--store-dir", dir, "--s3-bucket", s3proc.Bucket, "--s3-prefix", "p/", "--s3-region", "us-east-1", "--s3-endpoint", bucket.URL, "--s3-path-style")
	}
	has := func(suffix string) (n int) {
		t.Helper()
		keys, err := bucket.Has("p/recordings/")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if strings.HasSuffix(key, suffix) {
				n++
			}
		}
		return n
	}
	s := start()
	var made struct{ ID string }
	if status, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":3000,"consent":true}`, &made); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	publish(t, s, "/whip/"+made.ID, newSpeaker(t, time.Second), nil)
	until(t, "segments and their list are in the bucket", func() bool { return has(".m4s") >= 2 && has(".json") >= 2 })

	bucket.Fault(s3proc.Refuse(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."))
	before := has(".m4s")
	until(t, "segments wait on the disk", func() bool {
		waiting, err := filepath.Glob(filepath.Join(dir, "recordings", "*", "es", "*", "*.m4s"))
		return err == nil && len(waiting) >= 2
	})
	if n := has(".m4s"); n != before {
		t.Errorf("%d segments arrived meanwhile", n-before)
	}
	if _, metrics := s.call(t, "GET", "/metrics", "", nil); !strings.Contains(metrics, "livedub_upload_spool_files ") || strings.Contains(metrics, "livedub_upload_spool_files 0\n") {
		t.Error("the metrics do not say that files wait")
	}
	s.kill(t)
	bucket.Fault(nil)

	s = start()
	until(t, "what was recorded is one film", func() bool { return has("es.mp4") == 1 })
	b, err := s3.New(t.Context(), s3.Options{Bucket: s3proc.Bucket, Prefix: "p/", Region: "us-east-1", Endpoint: bucket.URL, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	all, err := b.List(t.Context(), "recordings/")
	if err != nil {
		t.Fatal(err)
	}
	film := ""
	for _, o := range all {
		if strings.HasSuffix(o.Key, "/es/es.mp4") {
			film = o.Key
		}
	}
	until(t, "nothing but a mark is left on the disk", func() bool {
		left := 0
		_ = filepath.WalkDir(filepath.Join(dir, "recordings"), func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				left++
			}
			return nil
		})
		return left == 0
	})

	// Whoever has a link has the film.
	link, err := b.Link(t.Context(), film, "talk.mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "es.mp4")
	fetch(t, link, path)
	out := tool(t, "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "default=nw=1:nk=1", path)
	recorded := float64(has(".m4s")) * recording.SegmentLength.Seconds()
	if d, err := strconv.ParseFloat(strings.TrimSpace(out), 64); err != nil || d < 12 || d < recorded-8 || d > recorded+1 {
		t.Errorf("the film is of %s s, and the segments of %.0f s", out, recorded)
	}
	manifest, _, err := b.Open(t.Context(), strings.TrimSuffix(film, "es/es.mp4")+"recording.json", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer manifest.Close()
	if text, err := io.ReadAll(manifest); err != nil || !strings.Contains(string(text), `"cut_short"`) {
		t.Errorf("%s, %v", text, err)
	}

	// The server sends who asks it to the bucket, and deletes there.
	id := strings.Split(film, "/")[1]
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := plain.Get(s.base + "/v1/recordings/" + id + "/es.mp4")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusFound || !strings.HasPrefix(to, bucket.URL) || strings.Contains(to, s3proc.Secret) {
		t.Errorf("%s to %s", answer.Status, to)
	}
	if status, body := s.call(t, "DELETE", "/v1/recordings/"+id, "", nil); status != http.StatusNoContent {
		t.Errorf("%d %s", status, body)
	}
	if n := has(""); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

// fetch gets a file as any client would.
func fetch(t *testing.T, url, path string) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
}
