package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/s3proc"
	"livedub/store"
	"livedub/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alone takes the AWS settings of this machine away and gives those of tests.
func alone(t *testing.T) {
	t.Helper()
	for _, set := range os.Environ() {
		if name, _, _ := strings.Cut(set, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": s3proc.Key, "AWS_SECRET_ACCESS_KEY": s3proc.Secret, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, value)
	}
}

// start starts a server.
func start(t *testing.T, versions bool) *s3proc.Server {
	t.Helper()
	alone(t)
	s, err := s3proc.New(versions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// at opens the bucket of a server.
func at(t *testing.T, address string, with ...func(*Options)) *Bucket {
	t.Helper()
	o := Options{Bucket: s3proc.Bucket, Prefix: "livedub/", Endpoint: address, PathStyle: true, Encryption: "AES256", backoff: 20 * time.Millisecond}
	for _, w := range with {
		w(&o)
	}
	b, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// file returns the path of a file of random bytes, and these.
func file(t *testing.T, size int) (string, []byte) {
	t.Helper()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

// get reads an object.
func get(b *Bucket, t *testing.T, key string, offset, n int64) ([]byte, store.Object, error) {
	r, o, err := b.Open(t.Context(), key, offset, n)
	if err != nil {
		return nil, o, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return data, o, err
}

// TestContract: on all servers a bucket is what stores of objects are.
func TestContract(t *testing.T) {
	servers(t, func(t *testing.T, b *Bucket) {
		n := 0
		storetest.Objects(t, func(t *testing.T) store.Objects {
			n++
			return at(t, *b.client.Options().BaseEndpoint, func(o *Options) { o.Prefix = fmt.Sprintf("%d/", n) })
		})
	})
}

// servers are the ones that the contract is held against.
func servers(t *testing.T, each func(t *testing.T, b *Bucket)) {
	for name, versions := range map[string]bool{"gofakes3": false, "gofakes3 with versions": true} {
		t.Run(name, func(t *testing.T) { each(t, at(t, start(t, versions).URL)) })
	}
	t.Run("moto", func(t *testing.T) {
		alone(t)
		m, err := s3proc.NewMoto()
		if errors.Is(err, s3proc.ErrMissing) {
			groundtest.Skip(t, "%v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		if err := m.Make(s3proc.Bucket); err != nil {
			t.Fatal(err)
		}
		each(t, at(t, m.URL))
	})
}

func TestObjectsComeBack(t *testing.T) {
	servers(t, func(t *testing.T, b *Bucket) {
		if err := errors.Join(b.Check(t.Context()), b.CheckWrite(t.Context())); err != nil {
			t.Fatal(err)
		}
		if list, err := b.List(t.Context(), ""); len(list) != 0 || err != nil {
			t.Fatalf("the look has left %v, %v", list, err)
		}
		b.part = 5 << 20 // the smallest that S3 takes
		for _, size := range []int{0, 1, 100_000, 10 << 20, 10<<20 + 1} {
			key := fmt.Sprintf("recordings/a/%d.mp4", size)
			path, data := file(t, size)
			if err := b.Put(t.Context(), key, path, "video/mp4"); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			got, o, err := get(b, t, key, 0, -1)
			if err != nil || !bytes.Equal(got, data) || o.Size != int64(size) || o.Type != "video/mp4" || time.Since(o.Modified).Abs() > time.Minute || o.Key != key {
				t.Errorf("%d bytes: %d came back, %+v, %v", size, len(got), o, err)
			}
			for _, r := range [][2]int64{{0, 1}, {3, 5}, {int64(size) - 1, 9}, {1, -1}, {2, 0}, {int64(size), -1}, {int64(size) + 9, 4}} {
				if r[0] < 0 {
					continue
				}
				from := min(r[0], int64(size))
				to := int64(size)
				if r[1] >= 0 {
					to = min(to, from+r[1])
				}
				got, o, err := get(b, t, key, r[0], r[1])
				if err != nil || !bytes.Equal(got, data[from:to]) || o.Size != int64(size) {
					t.Errorf("%d bytes, from %d %d: %d came back, %+v, %v", size, r[0], r[1], len(got), o, err)
				}
			}
		}
		if _, _, err := get(b, t, "recordings/b", 0, -1); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
		if _, _, err := get(b, t, "recordings/b", 0, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nothing of what is not there: %v", err)
		}
	})
}

// TestDeleteLeavesNothing: no version, mark or part of what was deleted is left, and all of what was not.
func TestDeleteLeavesNothing(t *testing.T) {
	servers(t, func(t *testing.T, b *Bucket) {
		path, _ := file(t, 10)
		for _, key := range []string{"recordings/a/x", "recordings/a/x", "recordings/a/y", "recordings/ab/x"} {
			if err := b.Put(t.Context(), key, path, ""); err != nil {
				t.Fatal(err)
			}
		}
		begin(t, b, "recordings/a/z")
		if err := b.Delete(t.Context(), "recordings/a/"); err != nil {
			t.Fatal(err)
		}
		if n, err := b.deleteVersions(t.Context(), "recordings/a/"); n != 0 || err != nil && !unknown(err) {
			t.Errorf("%d versions were left, %v", n, err)
		}
		if n := parts(t, b); n != 0 {
			t.Errorf("%d uploads were left", n)
		}
		list, err := b.List(t.Context(), "")
		if err != nil || len(list) != 1 || list[0].Key != "recordings/ab/x" {
			t.Errorf("left: %+v, %v", list, err)
		}
	})
}

func TestListIsPagedAndOrdered(t *testing.T) {
	b := at(t, start(t, true).URL)
	path, _ := file(t, 3)
	var want []string
	for i := range 1010 {
		key := fmt.Sprintf("recordings/a/%08d.m4s", i)
		want = append(want, key)
		if err := b.Put(t.Context(), key, path, ""); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.List(t.Context(), "recordings/a/")
	var got []string
	for _, o := range list {
		got = append(got, o.Key)
	}
	if err != nil || !slices.Equal(got, want) || list[0].Size != 3 {
		t.Errorf("%d of %d, %v", len(got), len(want), err)
	}
	if err := b.Delete(t.Context(), "recordings/"); err != nil {
		t.Fatal(err)
	}
	if list, err := b.List(t.Context(), ""); len(list) != 0 || err != nil {
		t.Errorf("%d were left, %v", len(list), err)
	}
}

// TestLink: whoever has a link gets the object, under a name that does no harm.
func TestLink(t *testing.T) {
	servers(t, func(t *testing.T, b *Bucket) {
		path, data := file(t, 1000)
		if err := b.Put(t.Context(), "recordings/a/es.mp4", path, "video/mp4"); err != nil {
			t.Fatal(err)
		}
		link, err := b.Link(t.Context(), "recordings/a/es.mp4", "회의 \"1\"\r\nX: y/..\\z.mp4", time.Minute)
		if err != nil || strings.Contains(link, s3proc.Secret) {
			t.Fatal(link, err)
		}
		answer, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != 200 || !bytes.Equal(got, data) || answer.Header.Get("Content-Type") != "video/mp4" {
			t.Errorf("%s, %d bytes, %v", answer.Status, len(got), err)
		}
		if d := answer.Request.URL.Query().Get("response-content-disposition"); d != `attachment; filename="__ _1___X_ y-..-z.mp4"; filename*=UTF-8''%ED%9A%8C%EC%9D%98%20%221%22--X%3A%20y-..-z.mp4` {
			t.Errorf("kept as %s", d)
		}
	})
}
