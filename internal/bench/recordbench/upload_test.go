package recordbench

import (
	"testing"

	"livedub/store/s3"
)

// TestUpload: what is refused now and then arrives nevertheless.
func TestUpload(t *testing.T) {
	u, err := Upload(t.Context(), s3.Options{}, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", u)
	if u.Lost != 0 || u.Files != 64 || u.Retries == 0 || u.MbitS <= 0 {
		t.Errorf("%+v", u)
	}
}
