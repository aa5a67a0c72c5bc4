package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is one Go module's source, parsed.
type module struct {
	name string // "livedub"
	pkgs map[string]*pkg
}

// pkg is one folder of Go files. Its path is relative to the module: "media/codec".
type pkg struct {
	path  string
	files []file
}

// file is one Go file.
type file struct {
	path  string // relative to the module
	test  bool
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

// breach is one broken law.
type breach struct {
	file string
	line int
	msg  string
}

func (b breach) String() string { return fmt.Sprintf("%s:%d: %s", b.file, b.line, b.msg) }

// load parses all Go files of the module at the root of fsys, whatever their
// build tags. Other modules below it, testdata and hidden folders are not part of it.
func load(fsys fs.FS) (*module, error) {
	gomod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(gomod), "\n")
	m := &module{name: strings.TrimSpace(strings.TrimPrefix(first, "module ")), pkgs: map[string]*pkg{}}
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if p != "." && foreign(fsys, p) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(p, ".go"):
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		return m.add(p, src)
	})
	return m, err
}

func (m *module) add(p string, src []byte) error {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(p)
	if m.pkgs[dir] == nil {
		m.pkgs[dir] = &pkg{path: dir}
	}
	m.pkgs[dir].files = append(m.pkgs[dir].files, file{
		path:  p,
		test:  strings.HasSuffix(p, "_test.go"),
		lines: bytes.Count(src, []byte("\n")),
		fset:  fset,
		ast:   tree,
	})
	return nil
}

// foreign tells whether a folder's Go files are not the module's.
func foreign(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base == "node_modules" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, dir+"/go.mod")
	return err == nil
}

// sorted returns the packages by path.
func (m *module) sorted() []*pkg {
	list := make([]*pkg, 0, len(m.pkgs))
	for _, p := range m.pkgs {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return list
}

// imports calls fn for each import of f.
func (f file) imports(fn func(path string, line int)) {
	for _, s := range f.ast.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			fn(p, f.line(s))
		}
	}
}

func (f file) line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

// local returns the path within the module of an import, if it is one of its own.
func (m *module) local(path string) (string, bool) { return strings.CutPrefix(path, m.name+"/") }
