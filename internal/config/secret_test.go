package config

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSecretsAreNotPrinted: none stands in what --print-config writes, which reads
// back as the same settings without them.
func TestSecretsAreNotPrinted(t *testing.T) {
	const sentinel = "hush0123456789012345678901234567890123"
	c := Default()
	// Three hold secrets among other things, two name files.
	exempt := []string{"serve.ice_servers", "cluster.url", "database.url", "serve.tls_key", "auth.jwt_public_key"}
	secrets := 0
	for _, o := range table(&c) {
		named := regexp.MustCompile(`(^|_)(key|token|secret|password|passphrase)$`).MatchString(o.leaf())
		if named != (o.mask != nil) && !slices.Contains(exempt, o.key) {
			t.Errorf("%s: marked as a secret: %v", o.key, o.mask != nil)
		}
		if o.mask == nil {
			continue
		}
		secrets++
		value := sentinel
		if o.key == "serve.ice_servers" {
			value = "stun:a.example turn:" + sentinel + "@b.example"
		}
		if err := o.set(value); err != nil {
			t.Fatal(err)
		}
	}
	if secrets < 6 {
		t.Errorf("%d secrets", secrets)
	}
	c.Session.DelayMS = 1234
	var out bytes.Buffer
	if err := c.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.Contains(text, sentinel) || strings.Contains(text, "hush") {
		t.Errorf("a secret is printed:\n%s", text)
	}
	for _, want := range []string{"# token: (set)", "LIVEDUB_SPEAK_KEY", `# ice_servers: ["stun:a.example","turn:(set)@b.example"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	path := filepath.Join(t.TempDir(), "livedub.yaml")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	back := Default()
	if err := readFile(path, table(&back)); err != nil {
		t.Fatal(err)
	}
	if back.Session.DelayMS != 1234 || back.Admin.Token != "" || back.Speak.Key != "" || len(back.Serve.ICEServers) != 0 {
		t.Errorf("read back: %+v", back)
	}
}
