package upload

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/s3proc"
	"livedub/store/s3"
)

// childDir, in the environment, has the test program be an uploader of that folder,
// until it is killed; childURL is the server.
const childDir, childURL = "LIVEDUB_TEST_UPLOAD", "LIVEDUB_TEST_S3"

// child adds a segment and the list of all there are, again and again.
func child(dir string) {
	b, err := s3.New(context.Background(), bucket(os.Getenv(childURL)))
	if err != nil {
		panic(err)
	}
	u, err := New(Config{Dir: dir, Objects: b, MaxBytes: 1 << 30})
	if err != nil {
		panic(err)
	}
	// Segments of this life, after which nobody knows any more what there was before.
	life := fmt.Sprint("recordings/a/es/", time.Now().UnixMicro())
	var all []string
	for i := 0; ; i++ {
		key := fmt.Sprintf("%s/%08d.m4s", life, i)
		put(dir, key, []byte(strings.Repeat(key, 2000)))
		u.Add(key)
		all = append(all, key)
		put(dir, life+".json", []byte(strings.Join(all, "\n")))
		u.Add(life + ".json")
		fmt.Println(key)
		time.Sleep(time.Millisecond)
	}
}

func put(dir, key string, data []byte) {
	path := filepath.Join(dir, key)
	aside := filepath.Join(filepath.Dir(path), ".part")
	for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(aside, data, 0o600), os.Rename(aside, path)} {
		if err != nil {
			panic(err)
		}
	}
}

func bucket(url string) s3.Options {
	return s3.Options{Bucket: s3proc.Bucket, Region: "us-east-1", Endpoint: url, PathStyle: true}
}

// credentials sets those that the server of tests knows.
func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", s3proc.Key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3proc.Secret)
	for _, name := range []string{"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(name, "")
	}
}

// TestKilled: whatever a killed process had announced arrives after the next start, and what was on the server was never named too early.
func TestKilled(t *testing.T) {
	credentials(t)
	server, err := s3proc.New(false)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	b, err := s3.New(t.Context(), bucket(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dir := t.TempDir()
	var said []string
	named := 0
	for range 20 {
		said = append(said, live(t, dir, server.URL, time.Duration(100+rand.IntN(400))*time.Millisecond)...)
		named += names(t, b)
	}
	if len(said) < 20 || named == 0 {
		t.Fatalf("%d segments in 20 lives, %d of them named", len(said), named)
	}
	u, err := New(Config{Dir: dir, Objects: b, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := u.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for _, key := range said {
		if got := read(t, b, key); got != strings.Repeat(key, 2000) {
			t.Errorf("%s: %d bytes", key, len(got))
		}
	}
	for _, path := range left(t, dir) {
		if filepath.Base(path) != ".part" { // its writer was killed
			t.Errorf("left: %s", path)
		}
	}
	t.Logf("%d segments", len(said))
}

func read(t *testing.T, b *s3.Bucket, key string) string {
	t.Helper()
	r, _, err := b.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

// names wants all to be there that a list on the server names, and returns how many that are.
func names(t *testing.T, b *s3.Bucket) (n int) {
	t.Helper()
	all, err := b.List(t.Context(), "recordings/")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, o := range all {
		there[o.Key] = true
	}
	for key := range there {
		if !strings.HasSuffix(key, ".json") {
			continue
		}
		for _, name := range strings.Fields(read(t, b, key)) {
			n++
			if !there[name] {
				t.Errorf("%s names %s, which is not there", key, name)
			}
		}
	}
	return n
}

// live runs a child for a while and returns the segments that it has announced.
func live(t *testing.T, dir, url string, d time.Duration) []string {
	t.Helper()
	var out bytes.Buffer
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url)
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	_ = c.Process.Kill()
	_ = c.Wait() // says that it was killed
	lines := strings.Split(out.String(), "\n")
	return lines[:len(lines)-1]
}
