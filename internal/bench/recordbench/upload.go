package recordbench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"livedub/internal/testkit/s3proc"
	"livedub/store/s3"
	"livedub/store/upload"
)

const (
	segmentBytes = 1 << 20 // of 4 s at 2 Mbit/s
	refuseOne    = 20      // of so many requests, as a bucket does that is asked too often
	uploadTime   = 5 * time.Minute
)

// Uploaded is what sending segments to S3 took.
type Uploaded struct {
	MbitS   float64 `json:"mbit_s"`
	Retries int     `json:"retries"` // requests that were answered 503 SlowDown and made again; of a bucket elsewhere, tries of files
	Files   int     `json:"files"`   // that were there afterwards
	Lost    int     `json:"lost"`    // that were not
}

// Upload sends so many segments as a recorder does, and looks whether all are there.
// to is the bucket; without a name it is one of a server in this process, on this
// machine, which answers one of 20 requests with 503.
func Upload(ctx context.Context, to s3.Options, segments int) (u Uploaded, err error) {
	var refused atomic.Int64
	if to.Bucket == "" {
		server, err := s3proc.New(false)
		if err != nil {
			return u, err
		}
		defer server.Close()
		var n atomic.Int64
		slow := s3proc.Refuse(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
		server.Fault(func(w http.ResponseWriter, r *http.Request) bool {
			if n.Add(1)%refuseOne != 0 {
				return false
			}
			refused.Add(1)
			return slow(w, r)
		})
		to = s3.Options{Bucket: s3proc.Bucket, Region: "us-east-1", Endpoint: server.URL, PathStyle: true}
		for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s3proc.Key, "AWS_SECRET_ACCESS_KEY": s3proc.Secret, "AWS_SESSION_TOKEN": ""} {
			defer os.Setenv(name, os.Getenv(name))
			if err := os.Setenv(name, value); err != nil {
				return u, err
			}
		}
	}
	b, err := s3.New(ctx, to)
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	dir, err := os.MkdirTemp("", "livedub-upload-")
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	prefix := fmt.Sprintf("recordings/bench-%d/es/take/", time.Now().UnixNano())
	if err := makeSegments(dir, prefix, segments); err != nil {
		return u, err
	}

	at := time.Now()
	up, err := upload.New(upload.Config{Dir: dir, Objects: b, MaxBytes: 1 << 40})
	if err != nil {
		return u, err
	}
	bounded, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	if err := up.Close(bounded); err != nil {
		return u, err
	}
	took := time.Since(at)
	there, err := b.List(ctx, prefix)
	if err != nil {
		return u, err
	}
	u.MbitS = float64(len(there)) * segmentBytes * 8 / 1e6 / took.Seconds()
	u.Files, u.Lost = len(there), segments-len(there)
	if u.Retries = int(up.Stats().Retries); refused.Load() > 0 {
		u.Retries = int(refused.Load())
	}
	return u, b.Delete(ctx, prefix)
}

// makeSegments makes segments of noise below a prefix.
func makeSegments(dir, prefix string, segments int) error {
	folder := filepath.Join(dir, filepath.FromSlash(prefix))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	data := make([]byte, segmentBytes)
	for i := range segments {
		_, _ = rand.Read(data) // never fails
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%08d.m4s", i)), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
