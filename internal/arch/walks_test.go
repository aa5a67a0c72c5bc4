package arch

import (
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	namesFile = regexp.MustCompile(`^[\w./-]*\.(go|c|h)$`)
	namesDir  = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+$`)
	namesDecl = regexp.MustCompile(`^(?:\w+\.)?([A-Za-z]\w*)$`)
)

// otherNames are those in backquotes that are of no file and no declaration: settings, metrics, fields of answers.
var otherNames = []string{"livedub_stage_lag_seconds", "livedub_stage_dropped_total", "stages", "live", "sync"}

// TestWalks: every file, package and declaration that ARCHITECTURE.md names exists.
func TestWalks(t *testing.T) {
	root := os.DirFS("../..")
	text, err := fs.ReadFile(root, "docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	m := here(t)
	declared := declarations(m)
	found := 0
	for i, line := range strings.Split(string(text), "\n") {
		var dirs []string // that the line has named so far: a bare file name is in one of them
		for _, q := range quoted.FindAllStringSubmatch(line, -1) {
			name := strings.TrimSuffix(q[1], "()")
			switch {
			case namesFile.MatchString(name):
				if path.Dir(name) != "." {
					dirs = append(dirs, path.Dir(name))
				}
				if !isFile(root, name, dirs) {
					t.Errorf("docs/ARCHITECTURE.md:%d: there is no file %s (looked in %v)", i+1, name, dirs)
				}
			case namesDir.MatchString(name):
				if _, err := fs.Stat(root, name); err == nil {
					dirs = append(dirs, name)
				} else if !isFile(root, name, dirs) && !declared[path.Base(name)] {
					t.Errorf("docs/ARCHITECTURE.md:%d: there is no %s", i+1, name)
				}
			case namesDecl.MatchString(name):
				last := namesDecl.FindStringSubmatch(name)[1]
				if !declared[last] && m.pkgs[name] == nil && !isOther(name) {
					t.Errorf("docs/ARCHITECTURE.md:%d: nothing declares %s", i+1, name)
				}
			default:
				continue
			}
			found++
		}
	}
	if found < 100 {
		t.Errorf("only %d names were found: the walks name more", found)
	}
}

func isFile(root fs.FS, name string, dirs []string) bool {
	for _, d := range append([]string{"."}, dirs...) {
		if _, err := fs.Stat(root, path.Join(d, name)); err == nil {
			return true
		}
	}
	return false
}

func isOther(name string) bool {
	for _, o := range otherNames {
		if name == o {
			return true
		}
	}
	// A setting, as recognize.vad.
	_, key, ok := strings.Cut(name, ".")
	return ok && key == strings.ToLower(key)
}

// declarations returns the names of all packages, programs, types, functions, methods and fields of the module.
func declarations(m *module) map[string]bool {
	out := map[string]bool{}
	for p, pkg := range m.pkgs {
		out[path.Base(p)] = true
		for _, f := range pkg.files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					out[n.Name.Name] = true
				case *ast.TypeSpec:
					out[n.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range n.Names {
						out[id.Name] = true
					}
				case *ast.Field:
					for _, id := range n.Names {
						out[id.Name] = true
					}
				}
				return true
			})
		}
	}
	return out
}
