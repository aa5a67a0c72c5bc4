package awsfake

import (
	"compress/gzip"
	"io"
	"net/http"
)

// body returns the body of a request, which the SDK compresses where it is large.
func body(r *http.Request) ([]byte, error) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		from = z
	}
	return io.ReadAll(io.LimitReader(from, maxBody))
}
