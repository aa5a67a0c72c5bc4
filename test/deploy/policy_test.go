package deploy

import (
	"slices"
	"strings"
	"testing"
)

// what the Internet may reach: TLS, one media port for each of five nodes, and TURN.
var reachable = []open{{"tcp", 443, 443}, {"udp", 8443, 8447}, {"tcp", 8443, 8447}, {"udp", 3478, 3478}}

// token stands for Redis's in the plan.
const token = "notarealtokennotarealtokennotarealtoken"

// both ways to bring media to nodes, with everything that can be switched on.
const stacks = `
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
}
locals {
  bastion = { ami = "ami-0123456789abcdef0", ssh = true, ssh_sources = ["203.0.113.0/24"], key_name = "ops" }
}
module "stack" {
  for_each           = { private = false, public = true }
  source             = "MODULES"
  name               = "livedub-${each.key}"
  public_media       = each.value
  region             = "eu-central-1"
  zones              = ["eu-central-1a", "eu-central-1b"]
  host               = "dub.example.com"
  certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/0a0a"
  node_ami           = "ami-0123456789abcdef0"
  bastion            = local.bastion
  cluster_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cluster-0123"
  redis_token        = "TOKEN"
  turn = {
    host            = "turn.example.com"
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0b0b"
    secret_arn      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:turn-0123"
  }
}
output "all" {
  value = module.stack
}
`

// TestPolicy plans, by the real provider and without an account, and looks at the whole plan.
func TestPolicy(t *testing.T) {
	t.Parallel()
	g := lay(t, strings.ReplaceAll(stacks, "TOKEN", token))
	g.must("plan", "-input=false", "-no-color", "-out=plan")
	p, err := parsePlan(g.must("show", "-json", "plan"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range p.Resources {
		count[r.Type]++
	}
	// What the policy is about is there: a policy about nothing is always kept.
	for kind, want := range map[string]int{
		"aws_launch_template": 6, "aws_instance": 2, "aws_db_instance": 2, "aws_s3_bucket": 2, "aws_s3_bucket_public_access_block": 2,
		"aws_vpc_security_group_ingress_rule": 32, "aws_security_group": 16,
	} {
		if count[kind] != want {
			t.Errorf("the plan has %d of %s, want %d", count[kind], kind, want)
		}
	}
	for _, breach := range p.breaches(reachable) {
		t.Error(breach)
	}
	// A state holds what a plan does. Redis itself has to have its token; nothing else may.
	want := []string{
		`module.stack["private"].module.data.aws_elasticache_replication_group.this: auth_token`,
		`module.stack["public"].module.data.aws_elasticache_replication_group.this: auth_token`,
	}
	if got := p.holders(token); !slices.Equal(got, want) {
		t.Errorf("Redis's token is in %q, want %q", got, want)
	}
}

// TestHoldersBite: a secret is found wherever a plan can have it.
func TestHoldersBite(t *testing.T) {
	p, err := parsePlan(`{"resource_changes":[
{"address":"a","type":"x","change":{"after":{"b":[{"c":"--hush--"}],"user_data":"TElWRURVQl9YPWh1c2g="}}},
{"address":"d","type":"x","change":{"after":{"user_data":"quiet"}}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.holders("hush"); !slices.Equal(got, []string{"a: b.0.c", "a: user_data"}) {
		t.Errorf("found in %q", got)
	}
}

func TestPolicyBites(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"ssh", `{"resource_changes":[{"address":"a","type":"aws_vpc_security_group_ingress_rule","change":{"after":{"cidr_ipv4":"0.0.0.0/0","ip_protocol":"tcp","from_port":22,"to_port":22}}}]}`, "lets 0.0.0.0/0 in to tcp 22-22"},
		{"wide", `{"resource_changes":[{"address":"a","type":"aws_vpc_security_group_ingress_rule","change":{"after":{"cidr_ipv4":"0.0.0.0/0","ip_protocol":"udp","from_port":8443,"to_port":9000}}}]}`, "8443-9000"},
		{"all", `{"resource_changes":[{"address":"a","type":"aws_vpc_security_group_ingress_rule","change":{"after":{"cidr_ipv6":"::/0","ip_protocol":"-1"}}}]}`, "lets ::/0 in"},
		{"old rule", `{"resource_changes":[{"address":"a","type":"aws_security_group_rule","change":{"after":{"type":"ingress","cidr_blocks":["10.0.0.0/8","0.0.0.0/0"],"protocol":"tcp","from_port":80,"to_port":80}}}]}`, "tcp 80-80"},
		{"in a group", `{"resource_changes":[{"address":"a","type":"aws_security_group","change":{"after":{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"protocol":"tcp","from_port":5432,"to_port":5432}]}}}]}`, "5432"},
		{"tls by udp", `{"resource_changes":[{"address":"a","type":"aws_vpc_security_group_ingress_rule","change":{"after":{"cidr_ipv4":"0.0.0.0/0","ip_protocol":"udp","from_port":443,"to_port":443}}}]}`, "udp 443"},
		{"imds", `{"resource_changes":[{"address":"a","type":"aws_instance","change":{"after":{"root_block_device":[{"encrypted":true}]}}}]}`, "IMDSv1"},
		{"disk", `{"resource_changes":[{"address":"a","type":"aws_launch_template","change":{"after":{"metadata_options":[{"http_tokens":"required"}],"block_device_mappings":[{"ebs":[{"encrypted":"false"}]}]}}}]}`, "not encrypted"},
		{"user data", `{"resource_changes":[{"address":"a","type":"aws_launch_template","change":{"after":{"metadata_options":[{"http_tokens":"required"}],"block_device_mappings":[{"ebs":[{"encrypted":"true"}]}]},"after_sensitive":{"user_data":true}}}]}`, "user data"},
		{"database", `{"resource_changes":[{"address":"a","type":"aws_db_instance","change":{"after":{"publicly_accessible":true,"storage_encrypted":true}}}]}`, "public"},
		{"bucket", `{"resource_changes":[{"address":"a","type":"aws_s3_bucket_public_access_block","change":{"after":{"block_public_acls":true}}}]}`, "block_public_policy"},
		{"output", `{"output_changes":{"x":{"after_sensitive":{"token":true}}}}`, "holds a secret"},
		{"nothing", `{"resource_changes":[{"address":"a","type":"aws_vpc_security_group_ingress_rule","change":{"after":{"cidr_ipv4":"0.0.0.0/0","ip_protocol":"udp","from_port":8443,"to_port":8447}}}],"output_changes":{"x":{"after_sensitive":{}}}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := parsePlan(c.text)
			if err != nil {
				t.Fatal(err)
			}
			found := p.breaches(reachable)
			if c.want == "" && len(found) > 0 {
				t.Errorf("found %q in what is allowed", found)
			}
			if c.want != "" && !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}
