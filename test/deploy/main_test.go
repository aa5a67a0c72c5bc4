// Package deploy tries what deploy/ holds: each folder's own test.sh, and what
// Terraform plans and applies, without an account.
package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/testkit/groundtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScripts runs deploy/*/test.sh, as make test-deploy does.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	scripts, err := filepath.Glob("../../deploy/*/test.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no deploy/*/test.sh: %v", err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(filepath.Dir(script)), func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), script).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", script, err, out)
			}
			if why := skipped(out); why != "" {
				groundtest.Skip(t, "%s", why)
			}
		})
	}
}

// skipped is what a script says that it did not try.
func skipped(out []byte) string {
	var all []string
	for line := range bytes.Lines(out) {
		if why, ok := strings.CutPrefix(string(bytes.TrimSpace(line)), "SKIPPED: "); ok {
			all = append(all, why)
		}
	}
	return strings.Join(all, "; ")
}

func TestSkipped(t *testing.T) {
	if got := skipped([]byte("a: b\nSKIPPED: no x\nok\nSKIPPED: no y\n")); got != "no x; no y" {
		t.Errorf("skipped: %q", got)
	}
	if got := skipped([]byte("all tried, nothing SKIPPED: here\n")); got != "" {
		t.Errorf("skipped where nothing was: %q", got)
	}
}

// ground is a folder with a Terraform configuration of a test's own.
type ground struct {
	t   *testing.T
	dir string
}

// lay writes a configuration that calls modules of deploy/terraform, for which
// MODULES stands, and makes it ready. It skips the test where that cannot be.
func lay(t *testing.T, config string) ground {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		groundtest.Skip(t, "no terraform (1.11 or newer)")
	}
	modules, err := filepath.Abs("../../deploy/terraform")
	if err != nil {
		t.Fatal(err)
	}
	g := ground{t, t.TempDir()}
	config = strings.ReplaceAll(config, "MODULES", modules)
	if err := os.WriteFile(filepath.Join(g.dir, "main.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := []string{"init", "-input=false", "-no-color"}
	for _, dir := range []string{os.Getenv("TERRAFORM_PLUGINS"), "/opt/tf-plugins", "/usr/local/share/terraform/plugins"} {
		if _, err := os.Stat(filepath.Join(dir, "registry.terraform.io/hashicorp/aws")); dir != "" && err == nil {
			ask = append(ask, "-plugin-dir="+dir)
			break
		}
	}
	if out, err := g.run(ask...); err != nil {
		if strings.Contains(out, "Failed to query available provider packages") {
			groundtest.Skip(t, "neither the registry nor a folder of providers (TERRAFORM_PLUGINS) has Terraform's AWS provider")
		}
		t.Fatalf("terraform init: %v\n%s", err, out)
	}
	return g
}

// run runs terraform and returns what it says.
func (g ground) run(args ...string) (string, error) {
	cmd := exec.CommandContext(g.t.Context(), "terraform", args...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	if _, err := os.Stat(os.Getenv("TF_CLI_CONFIG_FILE")); err != nil {
		cmd.Env = append(cmd.Env, "TF_CLI_CONFIG_FILE=")
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs terraform and returns what it says.
func (g ground) must(args ...string) string {
	g.t.Helper()
	out, err := g.run(args...)
	if err != nil {
		g.t.Fatalf("terraform %s: %v\n%s", args[0], err, out)
	}
	return out
}
