package s3

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOwnAuthority: a certificate that nobody knows is refused, in words, and taken when
// AWS_CA_BUNDLE names who signed it; files larger than one piece go there too.
func TestOwnAuthority(t *testing.T) {
	s := start(t, false)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	defer front.Close()
	var setting *SettingError
	if err := at(t, front.URL).Check(t.Context()); !errors.As(err, &setting) || setting.Setting != "endpoint" || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
		t.Errorf("a stranger's certificate: %v", err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	b := at(t, front.URL)
	b.part = 5 << 20
	for _, size := range []int{10, 11 << 20} {
		path, _ := file(t, size)
		if err := b.Put(t.Context(), "recordings/a/x", path, "video/mp4"); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if err := b.CheckWrite(t.Context()); err != nil {
		t.Error(err)
	}
}
