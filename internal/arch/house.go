package arch

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

const maxLines = 400 // of one file

var (
	sentence = regexp.MustCompile(`^(Package|Command) \S+ [^.]*\.`)
	unkept   = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
)

// checkHouse holds what every package and file must have.
func checkHouse(m *module) []breach {
	var found []breach
	for _, p := range m.sorted() {
		found = append(found, checkDoc(p)...)
		found = append(found, checkLeaks(p)...)
		for _, f := range p.files {
			found = append(found, checkFile(f)...)
		}
	}
	return found
}

// checkDoc wants a sentence that opens the package.
func checkDoc(p *pkg) []breach {
	var code *file
	for i, f := range p.files {
		if f.test {
			continue
		}
		code = &p.files[i]
		if text := strings.Join(strings.Fields(f.ast.Doc.Text()), " "); sentence.MatchString(text) {
			return nil
		}
	}
	if code == nil { // tests only
		return nil
	}
	return []breach{{code.path, 1, fmt.Sprintf("package %s opens with no sentence: add \"// Package x does y.\"", p.path)}}
}

// checkLeaks wants goleak in the TestMain of each package that has tests.
func checkLeaks(p *pkg) []breach {
	var tests *file
	for i, f := range p.files {
		if !f.test {
			continue
		}
		tests = &p.files[i]
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "TestMain" &&
				(calls(fn, "goleak", "") || calls(fn, "workertest", "Main")) { // which runs it by goleak
				return nil
			}
		}
	}
	if tests == nil {
		return nil
	}
	return []breach{{tests.path, 1, fmt.Sprintf("package %s has tests and no TestMain with goleak", p.path)}}
}

// checkFile wants short files, no promises, and os.Exit in main packages only.
func checkFile(f file) []breach {
	var found []breach
	if f.lines > maxLines && !ast.IsGenerated(f.ast) {
		found = append(found, breach{f.path, f.lines, fmt.Sprintf("%d lines: one idea a file, at most %d", f.lines, maxLines)})
	}
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if word := unkept.FindString(c.Text); word != "" {
				found = append(found, breach{f.path, f.line(c), word + ": do it or leave it"})
			}
		}
	}
	if name := f.ast.Name.Name; name != "main" && !strings.HasSuffix(name, "test") && !f.test {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && calls(fn, "os", "Exit") {
				found = append(found, breach{f.path, f.line(fn), "os.Exit outside a main package: return an error"})
			}
		}
	}
	return found
}

// calls tells whether fn calls x.name, or any function of x if name is "".
func calls(fn *ast.FuncDecl, x, name string) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && id.Name == x && (name == "" || s.Sel.Name == name) {
				found = true
			}
		}
		return !found
	})
	return found
}
