// Package s3proc runs servers that speak S3's protocol, for tests and for benches: one
// in this process, with faults on demand, and moto's, a program.
package s3proc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket is the one that there is.
const Bucket = "recordings-of-tests"

// Server is gofakes3, which keeps all in memory, behind a front that checks the sums
// and the access key as S3 does, and makes faults. It listens on this machine only.
type Server struct {
	URL string

	backend *s3mem.Backend
	http    *http.Server
	all     sync.WaitGroup

	mu       sync.Mutex
	fault    Fault
	requests map[string]int
}

// Key is the access key that a server knows, and Secret its secret, which it does not look at.
const Key, Secret = "AKIATESTONLY", "a-secret-of-tests-only"

// Fault may answer a request in the server's place: it returns true when it has. It may
// also change the request. It is called by many goroutines.
type Fault func(w http.ResponseWriter, r *http.Request) bool

// New starts a server; with versions its bucket keeps them, without the server does not know of any.
func New(versions bool) (*Server, error) {
	s := &Server{backend: s3mem.New(), requests: map[string]int{}}
	if err := s.backend.CreateBucket(Bucket); err != nil {
		return nil, err
	}
	options := []gofakes3.Option{gofakes3.WithLogger(gofakes3.DiscardLog())}
	if !versions {
		options = append(options, gofakes3.WithoutVersioning())
	} else if err := s.backend.SetVersioningConfiguration(Bucket, gofakes3.VersioningConfiguration{Status: gofakes3.VersioningEnabled}); err != nil {
		return nil, err
	}
	fake := gofakes3.New(s.backend, options...).Server()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.URL = "http://" + l.Addr().String()
	s.http = &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(fake, w, r) })}
	s.all.Go(func() { _ = s.http.Serve(l) }) // it ends when Close closes it
	return s, nil
}

// Close ends the server; what it kept is gone.
func (s *Server) Close() {
	s.http.Close()
	s.all.Wait()
}

// Addr returns where it listens.
func (s *Server) Addr() string { return strings.TrimPrefix(s.URL, "http://") }

// Fault has each request pass by f from now on; nil ends that.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests returns how many there were of a method.
func (s *Server) Requests(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[method]
}

// Has returns the keys in the bucket, the newest version of each, that begin with prefix.
func (s *Server) Has(prefix string) ([]string, error) {
	p := gofakes3.NewPrefix(&prefix, nil)
	list, err := s.backend.ListBucket(Bucket, &p, gofakes3.ListBucketPage{MaxKeys: 1e6})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, c := range list.Contents {
		keys = append(keys, c.Key)
	}
	return keys, nil
}

func (s *Server) serve(fake http.Handler, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.fault
	s.requests[r.Method]++
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	if who := r.Header.Get("Authorization") + r.URL.Query().Get("X-Amz-Credential"); !strings.Contains(who, Key+"/") {
		Answer(w, http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
		return
	}
	sum, ok := check(w, r)
	if !ok {
		return
	}
	if sum != "" {
		w.Header().Set("X-Amz-Checksum-Crc32c", sum)
	}
	fake.ServeHTTP(w, r)
}

// check reads a body and tells whether its sums are right; it has answered when they are not.
func check(w http.ResponseWriter, r *http.Request) (sum string, ok bool) {
	if r.Method != http.MethodPut {
		return "", true
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	hash := sha256.Sum256(body)
	if want := r.Header.Get("X-Amz-Content-Sha256"); len(want) == 2*len(hash) && want != hex.EncodeToString(hash[:]) {
		Answer(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		return "", false
	}
	crc := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	sum = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
	switch r.Header.Get("X-Amz-Checksum-Crc32c") {
	case "":
		return "", true
	case sum:
		return sum, true
	}
	Answer(w, http.StatusBadRequest, "BadDigest", "The CRC32C you specified did not match the calculated checksum.")
	return "", false
}

// Answer writes an error of the protocol.
func Answer(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>", code, message)
}

// Refuse answers every request with an error of the protocol.
func Refuse(status int, code, message string) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		Answer(w, status, code, message)
		return true
	}
}

// Page answers every request with something that is not of the protocol.
func Page(status int, mediaType, text string) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // who does not read it has failed already
		return true
	}
}

// Times has a fault befall the first n requests only.
func Times(n int, f Fault) Fault {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		n--
		now := n >= 0
		mu.Unlock()
		return now && f(w, r)
	}
}

// Damage changes a byte of every body that comes.
func Damage(_ http.ResponseWriter, r *http.Request) bool {
	r.Body = &damaged{r.Body, false}
	return false
}

type damaged struct {
	io.ReadCloser
	done bool
}

// Read is part of io.Reader.
func (d *damaged) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if n > 0 && !d.done {
		p[0] ^= 1
		d.done = true
	}
	return n, err
}
