package onnx

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/inference"
)

func external(name, location string, dims ...int64) pb {
	t := pb(nil)
	for _, d := range dims {
		t = t.num(1, d)
	}
	entry := func(k, v string) pb { return pb(nil).str(1, k).str(2, v) }
	return t.num(2, elemFloat).str(8, name).msg(13, entry("location", location)).msg(13, entry("offset", "0")).num(14, 1)
}

// withWeight is x + w.
func withWeight(w pb) graph {
	g := double(elemFloat)
	g.nodes = []pb{node("Add", []string{"x", "w"}, []string{"y"})}
	g.weights = []pb{w}
	return g
}

func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	for path, size := range map[string]int{outside: 64, filepath.Join(dir, "short.bin"): 8, filepath.Join(dir, "weights.bin"): 12} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.bin")); err != nil {
		t.Fatal(err)
	}
	good := double(elemFloat).file()
	shape := func(op string, n int64, in ...string) []byte {
		g := withWeight(intTensor("w", n))
		g.nodes = []pb{node(op, in, []string{"y"})}
		return g.file()
	}
	typed := func(elem int) []byte { return double(elem).file() }
	inner := double(elemFloat)
	inner.inner = []pb{value("z", elemFloat, 1<<20, 1<<20)}
	deep := pb("x")
	for range 200 {
		deep = graph{nodes: []pb{node("If", nil, nil, attrGraph("then_branch", deep))}}.bytes()
	}
	constant := double(elemFloat)
	constant.nodes = append(constant.nodes, node("Constant", nil, []string{"n"}, attrTensor("value", intTensor("", 1<<34))),
		node("ConstantOfShape", []string{"n"}, []string{"big"}))
	sparse := func(list ...pb) (g graph) { g.nodes = list; g.in = double(1).in; g.out = double(1).out; return g }

	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"missing":             {nil, "no such file"},
		"empty":               {[]byte{}, "empty"},
		"truncated":           {good[:len(good)-7], "ends in the middle"},
		"text":                {[]byte("this is a readme, not a net\n"), "not an ONNX file"},
		"no graph":            {pb(nil).num(1, 8), "no graph"},
		"deep":                {pb(nil).msg(7, deep), "deep"},
		"bytes":               {typed(2), "export it as"},
		"strings":             {typed(8), "export it as"},
		"unknown operator":    {sparse(node("Nonsense", []string{"x"}, []string{"y"})).file(), "Nonsense"},
		"a missing edge":      {sparse(node("Add", []string{"x", "gone"}, []string{"y"})).file(), "refuses"},
		"big input":           {graph{in: []pb{value("x", 1, 1<<20, 1<<20)}}.file(), "memory limit"},
		"overflowing input":   {graph{in: []pb{value("x", 1, 1<<40, 1<<40)}}.file(), "memory limit"},
		"big inner value":     {inner.file(), "memory limit"},
		"big weight":          {withWeight(floatTensor("w", nil, 1<<33)).file(), "memory limit"},
		"lying weight":        {withWeight(floatTensor("w", []float32{1}, 3)).file(), "holds 4 bytes"},
		"negative weight":     {withWeight(floatTensor("w", []float32{1}, -3)).file(), "damaged or hostile"},
		"ConstantOfShape":     {shape("ConstantOfShape", 1<<34, "w"), "memory limit"},
		"Expand":              {shape("Expand", 1<<34, "x", "w"), "memory limit"},
		"Tile":                {shape("Tile", 1<<34, "x", "w"), "memory limit"},
		"Constant":            {constant.file(), "memory limit"},
		"RandomNormal":        {sparse(node("RandomNormal", nil, []string{"y"}, pb(nil).str(1, "shape").num(8, 1<<34))).file(), "memory limit"},
		"empty bias":          {sparse(node("LayerNormalization", []string{"x", "x", ""}, []string{"y"})).file(), "empty bias"},
		"weights above":       {withWeight(external("w", "../secret", 3)).file(), "out of the model's folder"},
		"weights at a path":   {withWeight(external("w", outside, 3)).file(), "out of the model's folder"},
		"weights by a link":   {withWeight(external("w", "link.bin", 3)).file(), "link out of"},
		"weights not there":   {withWeight(external("w", "gone.bin", 3)).file(), "beside the model"},
		"weights too short":   {withWeight(external("w", "short.bin", 3)).file(), "which has 8"},
		"weights in a folder": {withWeight(external("w", ".", 3)).file(), "which has"},
		"good weights":        {withWeight(external("w", "weights.bin", 3)).file(), ""},
		"good":                {good, ""},
	} {
		path := filepath.Join(dir, "net.onnx")
		os.Remove(path)
		if c.file != nil {
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: path})
		if m != nil {
			m.Close()
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)):
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if _, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: dir}); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestWrongInputs(t *testing.T) {
	g := double(elemFloat)
	g.nodes = []pb{node("Add", []string{"x", "z"}, []string{"y"})}
	g.in = append(g.in, value("z", elemFloat, "N", 3))
	m := open(t, g.file(), ModelConfig{})
	ok := inference.Tensor{Shape: []int{2, 3}, Data: make([]float32, 6)}
	for name, c := range map[string]struct {
		in   []inference.Tensor
		want string
	}{
		"none":           {nil, "0 inputs were given"},
		"too few":        {[]inference.Tensor{ok}, "the net has 2"},
		"rank":           {[]inference.Tensor{ok, {Shape: []int{6}, Data: ok.Data}}, `"z" has the shape [6]`},
		"size":           {[]inference.Tensor{{Shape: []int{3, 2}, Data: ok.Data}, ok}, "[-1 3]"},
		"too few values": {[]inference.Tensor{ok, {Shape: []int{2, 3}, Data: ok.Data[:5]}}, "5 numbers"},
		"other batch":    {[]inference.Tensor{ok, {Shape: []int{1, 3}, Data: ok.Data[:3]}}, "N is 2"},
		"empty":          {[]inference.Tensor{{Shape: []int{0, 3}}, {Shape: []int{0, 3}}}, "empty"},
		"negative":       {[]inference.Tensor{{Shape: []int{-2, -3}, Data: ok.Data}, ok}, "no tensor"},
		"overflow":       {[]inference.Tensor{{Shape: []int{1 << 62, 1 << 62}}, ok}, "no tensor"},
		"right":          {[]inference.Tensor{ok, ok}, ""},
	} {
		_, err := m.Run(t.Context(), c.in)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.Run(t.Context(), []inference.Tensor{ok, ok}); err == nil {
		t.Error("a closed net ran")
	}
}

// A net that makes another shape than it declares still runs.
func TestOtherShapeThanDeclared(t *testing.T) {
	g := double(elemFloat)
	g.out = []pb{value("y", elemFloat, "N", 5)}
	m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: write(t, g.file())})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	out, err := m.Run(t.Context(), []inference.Tensor{{Shape: []int{1, 3}, Data: []float32{1, 2, 3}}})
	if err != nil || out[0].Shape[1] != 3 {
		t.Errorf("got %v, %v", out, err)
	}
}

// A result without dimensions where no shape is declared: the binding makes none of it.
func TestScalarOfNoShape(t *testing.T) {
	g := double(elemFloat)
	g.nodes = []pb{node("ReduceSum", []string{"x"}, []string{"y"}, attrInt("keepdims", 0))}
	g.out = []pb{pb(nil).str(1, "y").msg(2, pb(nil).msg(1, pb(nil).num(1, elemFloat)))}
	m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: write(t, g.file())})
	if m != nil {
		m.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "export the net with the shapes") {
		t.Errorf("got %v", err)
	}
}

func FuzzScan(f *testing.F) {
	for _, g := range []graph{double(elemFloat), endless(), hog(1 << 33), withWeight(external("w", "../w", 3))} {
		f.Add([]byte(g.file()))
	}
	f.Add([]byte("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &scanner{wire: wire{r: bufio.NewReader(bytes.NewReader(b))}, dir: dir, limit: 1 << 20, constants: map[string][]int64{}}
		net, err := s.model(int64(len(b)))
		if err == nil && net.weights > 1<<20 {
			t.Errorf("%d bytes of weights passed", net.weights)
		}
	})
}
