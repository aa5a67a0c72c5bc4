package arch

import (
	"fmt"
	"slices"
	"strings"
)

// checkImports holds layers, words and owners against the files that are no tests.
func checkImports(m *module) []breach {
	var found []breach
	for _, p := range m.sorted() {
		l, known := layerOf(p.path)
		for _, f := range p.files {
			if f.test {
				continue
			}
			if !known {
				found = append(found, breach{f.path, 1, fmt.Sprintf("package %s stands in no layer: add it to internal/arch/law.go", p.path)})
			}
			f.imports(func(path string, line int) {
				if msg := forbidden(m, p.path, l, path); msg != "" && known {
					found = append(found, breach{f.path, line, msg})
				}
			})
		}
	}
	return found
}

// forbidden returns why package from, which stands in layer l, may not import path; "" if it may.
func forbidden(m *module, from string, l layer, path string) string {
	if to, ok := m.local(path); ok {
		if strings.HasSuffix(to, "test") && !strings.HasSuffix(from, "test") {
			return fmt.Sprintf("%s is for tests only", to)
		}
		if !slices.ContainsFunc(l.may, func(pattern string) bool { return matches(pattern, to, from) }) {
			return fmt.Sprintf("%s may not import %s", from, to)
		}
		return ""
	}
	for _, o := range owners {
		if !covers(o.path, path) {
			continue
		}
		own := slices.ContainsFunc(o.by, func(pattern string) bool { return matches(pattern, from, "") })
		if !own && !(o.path == "testing" && strings.HasSuffix(from, "test")) {
			return fmt.Sprintf("%s may not import %s", from, path)
		}
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && slices.Contains(words, from) {
		return fmt.Sprintf("%s imports the standard library only, not %s", from, path)
	}
	return ""
}

// checkLinks holds links against all that a program reaches through this module's packages.
func checkLinks(m *module) []breach {
	var found []breach
	for _, l := range links {
		p, ok := m.pkgs[l.pkg]
		if !ok {
			continue
		}
		seen := map[string]bool{}
		var walk func(p *pkg, via string)
		walk = func(p *pkg, via string) {
			if seen[p.path] {
				return
			}
			seen[p.path] = true
			for _, f := range p.files {
				if f.test {
					continue
				}
				f.imports(func(path string, line int) {
					if slices.ContainsFunc(l.none, func(none string) bool { return covers(none, path) }) {
						found = append(found, breach{f.path, line, fmt.Sprintf("%s may not link %s (%s)", l.pkg, path, via)})
						return
					}
					if to, ok := m.local(path); ok && m.pkgs[to] != nil {
						walk(m.pkgs[to], via+" > "+to)
					}
				})
			}
		}
		walk(p, p.path)
	}
	return found
}

// layerOf returns the most specific layer for a package.
func layerOf(path string) (best layer, ok bool) {
	for _, l := range layers {
		if matches(l.pkg, path, "") && (!ok || len(l.pkg) > len(best.pkg)) {
			best, ok = l, true
		}
	}
	return best, ok
}

// matches tells whether pattern names path; "./" in it stands for from.
func matches(pattern, path, from string) bool {
	if rest, ok := strings.CutPrefix(pattern, "./"); ok {
		pattern = from + "/" + rest
	}
	if below, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(path, below)
	}
	return path == pattern
}

// covers tells whether want, which may end in /, stands for path.
func covers(want, path string) bool {
	return path == want || strings.HasSuffix(want, "/") && strings.HasPrefix(path, want)
}
