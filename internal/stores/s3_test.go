package stores

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/internal/config"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/s3proc"
)

// TestS3: a bucket is tried at the start; what is wrong names its setting, and what only does not answer is waited for.
func TestS3(t *testing.T) {
	for _, set := range os.Environ() {
		if name, _, _ := strings.Cut(set, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": s3proc.Key, "AWS_SECRET_ACCESS_KEY": s3proc.Secret, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
	} {
		t.Setenv(name, value)
	}
	server, err := s3proc.New(true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fine := config.S3{Bucket: s3proc.Bucket, Endpoint: server.URL, PathStyle: true, Encryption: "AES256"}
	for name, c := range map[string]struct {
		change func(*config.S3)
		fault  s3proc.Fault
		says   string // "" for none
		logs   string
	}{
		"fine":             {},
		"no bucket":        {change: func(c *config.S3) { c.Bucket = "none-there" }, says: "s3.bucket: s3: list \"\" in bucket none-there: there is no such bucket: make it"},
		"a bad bucket":     {change: func(c *config.S3) { c.Bucket = "s3://x" }, says: "s3.bucket: s3: no bucket has such a name"},
		"a bad prefix":     {change: func(c *config.S3) { c.Prefix = "../" }, says: "s3.prefix: "},
		"a bad endpoint":   {change: func(c *config.S3) { c.Endpoint = "http://me:" + s3proc.Secret + "@127.0.0.1" }, says: "s3.endpoint: s3: it takes no user"},
		"no address":       {change: func(c *config.S3) { c.Endpoint = "127.0.0.1:9000" }, says: "s3.endpoint: s3: it is no address: write it as https://HOST:PORT"},
		"no region":        {change: func(c *config.S3) { c.Endpoint = "" }, says: "s3.region: "},
		"a key for no KMS": {change: func(c *config.S3) { c.KMSID = "x" }, says: "s3.kms_id: "},
		"not allowed":      {fault: s3proc.Refuse(403, "AccessDenied", "Access Denied"), says: "s3.bucket: s3: list \"\" in bucket recordings-of-tests: the credentials may not do that: allow s3:ListBucket"},
		"may not write":    {fault: onPut(s3proc.Refuse(403, "AccessDenied", "Access Denied")), says: "allow s3:PutObject"},
		"cannot encrypt":   {fault: onPut(s3proc.Refuse(501, "NotImplemented", "KMS is not configured")), says: "s3.encryption: "},
		"wrong clock":      {fault: s3proc.Refuse(403, "RequestTimeTooSkewed", "The difference is too large"), says: "the clock of this machine is wrong"},
		"busy":             {fault: s3proc.Refuse(503, "SlowDown", "Reduce your rate"), logs: "recordings wait in store.dir"},
		"not there":        {change: func(c *config.S3) { c.Endpoint = "http://" + groundtest.FreeAddr(t) }, logs: "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Fault(c.fault)
			s := fine
			if c.change != nil {
				c.change(&s)
			}
			var logged bytes.Buffer
			all, err := Open(t.Context(), withBucket(t.TempDir(), s), slog.New(slog.NewTextHandler(&logged, nil)))
			if err == nil {
				defer all.Close()
				err = all.Send()
			}
			switch {
			case (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says):
				t.Errorf("%v, want %q", err, c.says)
			case !strings.Contains(logged.String(), c.logs) || c.logs == "" && logged.Len() > 0:
				t.Errorf("logged %s", &logged)
			case err != nil && strings.Contains(err.Error(), s3proc.Secret):
				t.Errorf("%v tells the secret", err)
			}
		})
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	server.Fault(nil)
	if _, err := Open(t.Context(), withBucket(t.TempDir(), fine), quiet); err == nil || !strings.Contains(err.Error(), "set AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

func withBucket(dir string, b config.S3) config.Config {
	c := settings(dir)
	c.S3 = b
	return c
}

func onPut(f s3proc.Fault) s3proc.Fault {
	return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodPut && f(w, r) }
}

// TestSend: what lies in the folder goes to the bucket, and is erased there with its session; before Send, and where files are kept, nothing is sent.
func TestSend(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", s3proc.Key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3proc.Secret)
	server, err := s3proc.New(true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	bucket := config.S3{Bucket: s3proc.Bucket, Prefix: "p/", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, Encryption: "none"}
	dir := t.TempDir()
	path := filepath.Join(dir, "recordings", "a", "recording.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	has := func(want ...string) {
		t.Helper()
		if keys, err := server.Has("p/recordings/"); err != nil || !slices.Equal(keys, want) {
			t.Errorf("%v, %v, want %v", keys, err, want)
		}
	}
	files := withBucket(dir, bucket)
	files.Serve.Store = "files"
	for _, c := range []config.Config{files, withBucket(dir, bucket)} {
		s, err := Open(t.Context(), c, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if c.Serve.Store == "files" {
			err = s.Send()
		}
		if err := errors.Join(err, s.Close()); err != nil || s.Upload != nil {
			t.Errorf("%v, %v", err, s.Upload)
		}
		has()
	}

	s, err := Open(t.Context(), withBucket(dir, bucket), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(); err != nil || s.Recordings != "S3, bucket "+s3proc.Bucket+"/p" {
		t.Fatal(s.Recordings, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	has("p/recordings/a/recording.json")

	if s, err = Open(t.Context(), withBucket(dir, bucket), quiet); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := errors.Join(s.Send(), s.Erase(t.Context(), "a")); err != nil {
		t.Fatal(err)
	}
	has()
}
