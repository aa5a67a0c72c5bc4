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

// what moto can be asked for: it has no ElastiCache and no warm pools, and the
// provider waits a minute for each load balancer.
const cluster = `
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
    autoscaling    = "ENDPOINT"
    cloudwatch     = "ENDPOINT"
    ec2            = "ENDPOINT"
    iam            = "ENDPOINT"
    logs           = "ENDPOINT"
    secretsmanager = "ENDPOINT"
    sns            = "ENDPOINT"
    sts            = "ENDPOINT"
  }
}
module "secrets" {
  source  = "MODULES/modules/secrets"
  name    = "livedub-test"
  protect = false
  turn    = true
}
module "network" {
  source       = "MODULES/modules/network"
  name         = "livedub-test"
  region       = "eu-central-1"
  cidr         = "10.20.0.0/16"
  zones        = ["eu-central-1a", "eu-central-1b"]
  single_nat   = true
  http_port    = 8080
  media_port   = 8443
  media_slots  = 5
  public_media = true
}
module "gpu_nodes" {
  source          = "MODULES/modules/gpu_nodes"
  name            = "livedub-test"
  region          = "eu-central-1"
  ami_id          = "ami-0123456789abcdef0"
  root_device     = "/dev/sda1"
  warm_size       = 0
  vpc_id          = module.network.vpc_id
  public_subnets  = module.network.public_subnets
  private_subnets = module.network.private_subnets
  node_group      = module.network.security_groups["node"]
  public_media    = true
  media_port      = 8443
  environment     = { DEPLOY_ROLE = "node" }
  secret_arns     = [module.secrets.arn]
  bucket_arn      = "arn:aws:s3:::livedub-recordings"
}
module "observe" {
  source          = "MODULES/modules/observe"
  name            = "livedub-test"
  region          = "eu-central-1"
  group           = module.gpu_nodes.group
  balancer_suffix = "app/it/0"
}
output "arn" {
  value = module.secrets.arn
}
output "turn_arn" {
  value = module.secrets.turn_arn
}
`

// TestApply applies what it can to a fake of AWS (moto's). Of the secrets, which
// terraform test cannot mock, it sees that they are kept, and not in the state.
func TestApply(t *testing.T) {
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
	g := lay(t, strings.ReplaceAll(cluster, "ENDPOINT", fake.URL))
	g.must("apply", "-auto-approve", "-input=false", "-no-color")
	kept := secretValue(t, fake.URL, strings.TrimSpace(g.must("output", "-raw", "arn")))
	kept["turn_secret"] = secretValue(t, fake.URL, strings.TrimSpace(g.must("output", "-raw", "turn_arn")))["turn_secret"]

	state, err := os.ReadFile(filepath.Join(g.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cluster_secret", "access_key", "admin_token", "redis_token", "turn_secret"} {
		if len(kept[name]) < 48 {
			t.Errorf("%s has %d letters, want 48 or more", name, len(kept[name]))
		}
		// Redis's own resource needs the token, so this one is in the state.
		if in := strings.Contains(string(state), kept[name]); in != (name == "redis_token") {
			t.Errorf("%s is in the state: %v", name, in)
		}
	}

	// They are drawn once: a second run changes nothing.
	if out, err := g.run("plan", "-target=module.secrets", "-detailed-exitcode", "-input=false", "-no-color"); err != nil {
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
