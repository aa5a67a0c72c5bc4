package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"livedub/internal/config"
	"livedub/store"
	"livedub/store/s3"
	"livedub/store/upload"
)

const (
	s3Time   = 30 * time.Second // for a bucket to answer at the start
	sendTime = 10 * time.Second // for what waits, at the end
)

// openBucket opens the objects in S3. What waits for them is sent from Send on.
func (s *Stores) openBucket(ctx context.Context, c config.Config) error {
	b, err := openS3(ctx, c.S3, s.log)
	if err != nil {
		return err
	}
	s.Objects, s.spoolBytes = b, int64(c.Store.SpoolMB)<<20
	s.Recordings = strings.TrimSuffix("S3, bucket "+c.S3.Bucket+"/"+c.S3.Prefix, "/")
	return nil
}

// openS3 opens a bucket and looks into it. One that does not answer now keeps nobody from
// starting: recordings wait for it.
func openS3(ctx context.Context, c config.S3, log *slog.Logger) (*s3.Bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, s3Time)
	defer cancel()
	b, err := s3.New(ctx, s3.Options{
		Bucket: c.Bucket, Prefix: c.Prefix, Region: c.Region, Endpoint: c.Endpoint,
		PathStyle: c.PathStyle, Encryption: c.Encryption, KMSID: c.KMSID,
	})
	if err != nil {
		return nil, s3Setting(err)
	}
	if err := answers(b.Check(ctx), log); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// answers returns what is wrong with a bucket, by what a look at it has failed with;
// nil where it only does not answer.
func answers(err error, log *slog.Logger) error {
	var setting *s3.SettingError
	switch {
	case err == nil:
	case errors.As(err, &setting) || !errors.Is(err, store.ErrUnavailable):
		return s3Setting(err)
	default:
		log.Warn("s3.bucket: recordings wait in store.dir until it answers; is s3.endpoint right?", "err", err)
	}
	return nil
}

// Send begins to send recordings from the folder to S3, where they are kept there, and
// sets Upload; Close ends it. It writes to the bucket first, to see that it can, and is
// for the server: commands only look.
func (s *Stores) Send() error {
	b, ok := s.Objects.(*s3.Bucket)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s3Time)
	defer cancel()
	if err := answers(b.CheckWrite(ctx), s.log); err != nil {
		return err
	}
	u, err := upload.New(upload.Config{Dir: s.Dir, Objects: s.Objects, MaxBytes: s.spoolBytes, Log: s.log})
	if err != nil {
		return fmt.Errorf("store.dir: %w", err)
	}
	s.Upload = u
	s.OnErase(func(ctx context.Context, epoch string) error { return u.Forget(ctx, "recordings/"+epoch+"/") })
	return nil
}

// closeUpload sends what waits for a while.
func (s *Stores) closeUpload() error {
	if s.Upload == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTime)
	defer cancel()
	return s.Upload.Close(ctx)
}

// s3Setting says which setting an error is about.
func s3Setting(err error) error {
	var s *s3.SettingError
	if errors.As(err, &s) && s.Setting != "credentials" && s.Setting != "clock" {
		return fmt.Errorf("s3.%s: %w", s.Setting, err)
	}
	return fmt.Errorf("s3.bucket: %w", err)
}
