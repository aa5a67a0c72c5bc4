// Package stores opens the stores that the settings name.
package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"livedub/internal/config"
	"livedub/store"
	"livedub/store/s3"
	"livedub/store/upload"
)

// s3Time is how long a bucket may take to answer at the start.
const s3Time = 30 * time.Second

// OpenS3 opens the bucket of s3.bucket, and tries it; nil where the setting is empty.
// One that does not answer now is used all the same: recordings wait for it. Its errors
// name the setting. The caller closes it.
func OpenS3(ctx context.Context, c config.S3, log *slog.Logger) (store.Objects, error) {
	if c.Bucket == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s3Time)
	defer cancel()
	b, err := s3.New(ctx, s3.Options{
		Bucket: c.Bucket, Prefix: c.Prefix, Region: c.Region, Endpoint: c.Endpoint,
		PathStyle: c.PathStyle, Encryption: c.Encryption, KMSID: c.KMSID,
	})
	if err != nil {
		return nil, s3Setting(err)
	}
	var setting *s3.SettingError
	switch err := b.Check(ctx); {
	case err == nil:
	case errors.As(err, &setting) || !errors.Is(err, store.ErrUnavailable):
		return nil, errors.Join(s3Setting(err), b.Close())
	default:
		log.Warn("s3.bucket: recordings wait in store.dir until it answers; is s3.endpoint right?", "error", err)
	}
	return b, nil
}

// OpenUpload opens what sends recordings from dir to a bucket. The caller closes it.
func OpenUpload(dir string, c config.Store, to store.Objects, log *slog.Logger) (*upload.Uploader, error) {
	u, err := upload.New(upload.Config{Dir: dir, Objects: to, MaxBytes: int64(c.SpoolMB) << 20, Log: log})
	if err != nil {
		return nil, fmt.Errorf("store.dir: %w", err)
	}
	return u, nil
}

// s3Setting says which setting an error is about.
func s3Setting(err error) error {
	var s *s3.SettingError
	if errors.As(err, &s) && s.Setting != "credentials" && s.Setting != "clock" {
		return fmt.Errorf("s3.%s: %w", s.Setting, err)
	}
	return fmt.Errorf("s3.bucket: %w", err)
}
