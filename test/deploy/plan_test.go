package deploy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// change is a resource of a plan, as terraform show -json has it.
type change struct {
	Address string
	Type    string
	Change  struct {
		After     map[string]any
		Sensitive any `json:"after_sensitive"`
	}
}

// plan is what a policy is about, of what terraform show -json says.
type plan struct {
	Resources []change `json:"resource_changes"`
	Outputs   map[string]struct {
		Sensitive any `json:"after_sensitive"`
	} `json:"output_changes"`
}

// open is what may be reached from everywhere: ports from First to Last, by Protocol.
type open struct {
	Protocol    string
	First, Last int
}

// parsePlan reads what terraform show -json says.
func parsePlan(text string) (plan, error) {
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("terraform's plan: %w", err)
	}
	return p, nil
}

// breaches are what a plan has that no plan may have, one line each.
func (p plan) breaches(allowed []open) []string {
	var all []string
	for _, r := range p.Resources {
		for _, why := range r.breaches(allowed) {
			all = append(all, r.Address+": "+why)
		}
	}
	for name, o := range p.Outputs {
		if marked(o.Sensitive) {
			all = append(all, "output."+name+": holds a secret")
		}
	}
	slices.Sort(all)
	return all
}

func (r change) breaches(allowed []open) []string {
	after := r.Change.After
	switch r.Type {
	case "aws_vpc_security_group_ingress_rule":
		return ingress(after, []any{after["cidr_ipv4"], after["cidr_ipv6"]}, after["ip_protocol"], allowed)
	case "aws_security_group_rule":
		if after["type"] == "ingress" {
			return ingress(after, cidrs(after), after["protocol"], allowed)
		}
	case "aws_security_group", "aws_default_security_group":
		var all []string
		for _, block := range blocks(after["ingress"]) {
			all = append(all, ingress(block, cidrs(block), block["protocol"], allowed)...)
		}
		return all
	case "aws_launch_template", "aws_instance":
		return machine(r)
	case "aws_db_instance":
		if after["publicly_accessible"] != false || after["storage_encrypted"] != true {
			return []string{"is public, or not encrypted"}
		}
	case "aws_s3_bucket_public_access_block":
		for _, key := range []string{"block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"} {
			if after[key] != true {
				return []string{key + " is not set"}
			}
		}
	}
	return nil
}

// holders are the attributes that a secret is in, as it is or in base64.
func (p plan) holders(secret string) []string {
	var all []string
	for _, r := range p.Resources {
		within(r.Change.After, "", func(path, text string) {
			plain, err := base64.StdEncoding.DecodeString(text)
			if strings.Contains(text, secret) || err == nil && strings.Contains(string(plain), secret) {
				all = append(all, r.Address+": "+path)
			}
		})
	}
	slices.Sort(all)
	return all
}

// within shows each text in a value, and where it stands.
func within(v any, path string, show func(path, text string)) {
	below := func(key string) string { return strings.TrimPrefix(path+"."+key, ".") }
	switch v := v.(type) {
	case string:
		show(path, v)
	case map[string]any:
		for key, each := range v {
			within(each, below(key), show)
		}
	case []any:
		for i, each := range v {
			within(each, below(strconv.Itoa(i)), show)
		}
	}
}

// cidrs are the networks of a rule that has lists of them.
func cidrs(rule map[string]any) []any {
	v4, _ := rule["cidr_blocks"].([]any)
	v6, _ := rule["ipv6_cidr_blocks"].([]any)
	return append(slices.Clone(v4), v6...)
}

// ingress refuses a rule that lets everybody in to anything but allowed.
func ingress(rule map[string]any, from []any, protocol any, allowed []open) []string {
	for _, cidr := range from {
		if text, ok := cidr.(string); !ok || !strings.HasSuffix(text, "/0") {
			continue
		}
		first, ok1 := rule["from_port"].(float64)
		last, ok2 := rule["to_port"].(float64)
		fits := func(o open) bool { return o.Protocol == protocol && int(first) >= o.First && int(last) <= o.Last }
		if !ok1 || !ok2 || !slices.ContainsFunc(allowed, fits) {
			return []string{fmt.Sprintf("lets %v in to %v %v-%v", cidr, protocol, rule["from_port"], rule["to_port"])}
		}
	}
	return nil
}

// machine refuses an instance with IMDSv1, a disk that is not encrypted, or a secret in its user data.
func machine(r change) []string {
	var all []string
	for _, options := range or(blocks(r.Change.After["metadata_options"])) {
		if options["http_tokens"] != "required" {
			all = append(all, "takes IMDSv1")
		}
	}
	disks := blocks(r.Change.After["root_block_device"])
	for _, device := range blocks(r.Change.After["block_device_mappings"]) {
		disks = append(disks, blocks(device["ebs"])...)
	}
	for _, disk := range or(disks) {
		if disk["encrypted"] != true && disk["encrypted"] != "true" {
			all = append(all, "has a disk that is not encrypted")
		}
	}
	if hidden, ok := r.Change.Sensitive.(map[string]any); ok && marked(hidden["user_data"]) {
		all = append(all, "has a secret in its user data")
	}
	return all
}

// or is a block without anything in it where there is none, so that none is not passed over.
func or(all []map[string]any) []map[string]any {
	if len(all) == 0 {
		return []map[string]any{{}}
	}
	return all
}

// blocks are the blocks of one name in a resource.
func blocks(v any) []map[string]any {
	list, _ := v.([]any)
	var all []map[string]any
	for _, each := range list {
		if block, ok := each.(map[string]any); ok {
			all = append(all, block)
		}
	}
	return all
}

// marked tells whether Terraform takes a value, or a part of it, for a secret.
func marked(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case map[string]any:
		for _, each := range v {
			if marked(each) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, marked)
	}
	return false
}
