package stores

import (
	"context"
	"errors"

	"livedub/internal/config"
)

// openBucket opens the objects in S3.
func (s *Stores) openBucket(context.Context, config.Config) error {
	return errors.New("s3.bucket: this release keeps recordings in files alone: leave it empty")
}
