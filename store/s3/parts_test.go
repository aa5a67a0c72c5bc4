package s3

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// begin begins an upload that never ends.
func begin(t *testing.T, b *Bucket, key string) {
	t.Helper()
	u, err := b.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.o.Bucket, Key: b.key(key)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &b.o.Bucket, Key: b.key(key), UploadId: u.UploadId,
		PartNumber: aws.Int32(1), Body: strings.NewReader("a part")}); err != nil {
		t.Fatal(err)
	}
}

// parts counts uploads that have not ended.
func parts(t *testing.T, b *Bucket) int {
	t.Helper()
	list, err := b.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.o.Bucket})
	if code(err) == "NoSuchUpload" { // as gofakes3 says none
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Uploads)
}
