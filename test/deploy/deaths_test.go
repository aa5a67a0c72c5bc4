package deploy

import (
	"os"
	"regexp"
	"testing"
)

// TestGatewaysKnowTheNodesGroup: gateways are started with the name of the group that the
// alarm on dead nodes looks at. A plan does not tell: their user data hold Redis's address,
// which is known when there is one.
func TestGatewaysKnowTheNodesGroup(t *testing.T) {
	for _, c := range []struct{ file, says string }{
		{"main.tf", `(?s)module "gateway" \{[^}]*environment = merge\(local\.environment, \{[^}]*\bLIVEDUB_AWS_GROUP\s*= module\.gpu_nodes\.group_name\n`},
		{"modules/gpu_nodes/outputs.tf", `output "group_name" \{[^}]*\bvalue\s*= local\.group\n`},
		{"modules/gpu_nodes/main.tf", `resource "aws_autoscaling_group" "node" \{\n\s*name\s*= local\.group\n`},
		{"main.tf", `(?s)module "observe" \{[^}]*\bgroup\s*= module\.gpu_nodes\.group\n`},
		{"modules/gpu_nodes/outputs.tf", `output "group" \{[^}]*\bvalue\s*= aws_autoscaling_group\.node\.name\n`},
	} {
		text, err := os.ReadFile("../../deploy/terraform/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(c.says).Match(text) {
			t.Errorf("%s has no %s", c.file, c.says)
		}
	}
}
