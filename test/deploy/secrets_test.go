package deploy

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/s3proc"
)

const secrets = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "5.100.0" }
  }
}
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  endpoints {
    secretsmanager = "ENDPOINT"
  }
}
module "secrets" {
  source  = "MODULES/modules/secrets"
  name    = "livedub-test"
  protect = false
}
output "arn" {
  value = module.secrets.arn
}
`

// TestSecrets applies modules/secrets, which terraform test cannot mock, to a
// fake of Secrets Manager (moto's): what is drawn is in the secret, and not in the state.
func TestSecrets(t *testing.T) {
	t.Parallel()
	fake, err := s3proc.NewMoto()
	if errors.Is(err, s3proc.ErrMissing) {
		groundtest.Skip(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	g := lay(t, strings.ReplaceAll(secrets, "ENDPOINT", fake.URL))
	g.must("apply", "-auto-approve", "-input=false", "-no-color")
	kept := secretValue(t, fake.URL, strings.TrimSpace(g.must("output", "-raw", "arn")))

	state, err := os.ReadFile(filepath.Join(g.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cluster_secret", "access_key", "admin_token", "redis_token"} {
		if len(kept[name]) < 48 {
			t.Errorf("%s has %d letters, want 48 or more", name, len(kept[name]))
		}
		// Redis's own resource needs the token, so this one is in the state.
		if in := strings.Contains(string(state), kept[name]); in != (name == "redis_token") {
			t.Errorf("%s is in the state: %v", name, in)
		}
	}

	// They are drawn once: a second run changes nothing.
	if out, err := g.run("plan", "-detailed-exitcode", "-input=false", "-no-color"); err != nil {
		t.Errorf("a second plan has changes: %v\n%s", err, out)
	}
}

// secretValue asks Secrets Manager for a secret that is a JSON object.
func secretValue(t *testing.T, url, arn string) map[string]string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"SecretId":"`+arn+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=none/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct{ SecretString string }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatalf("the secret: %s: %v", answer.Status, err)
	}
	var kept map[string]string
	if err := json.Unmarshal([]byte(got.SecretString), &kept); err != nil {
		t.Fatalf("the secret is no object of strings: %v", err)
	}
	return kept
}
