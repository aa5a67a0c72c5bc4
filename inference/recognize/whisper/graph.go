package whisper

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"livedub/inference/onnx/onnxfile"
)

// builder puts one half of the net together from a CTranslate2 file.
type builder struct {
	*onnxfile.Graph
	f      *ct2File
	info   *Info
	int8   bool // multiplies by weights in int8
	known  map[string]string
	inputs map[string]quantised
	err    error // the first of reading weights
}

// quantised is a value as DynamicQuantizeLinear makes it.
type quantised struct{ value, scale, zero string }

func newBuilder(name string, f *ct2File, info *Info, int8 bool) *builder {
	return &builder{Graph: onnxfile.New(name), f: f, info: info, int8: int8, known: map[string]string{}, inputs: map[string]quantised{}}
}

// once returns the name of a weight that add adds the first time.
func (b *builder) once(name string, add func() string) string {
	if _, ok := b.known[name]; !ok {
		b.known[name] = add()
	}
	return b.known[name]
}

func (b *builder) ints(v ...int64) string {
	name := "i"
	for _, n := range v {
		name += fmt.Sprintf("_%d", n)
	}
	return b.once(name, func() string { return b.Ints(name, v...) })
}

func (b *builder) scalar(name string, v float32) string {
	return b.once(name, func() string { return b.Floats(name, onnxfile.FP32, nil, v) })
}

func (b *builder) op(op string, in ...string) string { return b.Op(op, in) }

func (b *builder) slice(x, from, to string, axis int64) string {
	return b.op("Slice", x, from, to, b.ints(axis))
}

// weight adds the rows from..to of a variable as fp32.
func (b *builder) weight(name, variable string, from, to int) string {
	shape := append([]int{to - from}, b.f.vars[variable].shape[1:]...)
	return b.Stream(name, onnxfile.FP32, shape, func(w io.Writer) error {
		v, err := b.f.floats(variable, from, to)
		if err != nil {
			return err
		}
		return writeFloats(w, v)
	})
}

// whole adds a variable as fp32.
func (b *builder) whole(variable string) string {
	return b.once(variable, func() string { return b.weight(variable, variable, 0, b.f.vars[variable].shape[0]) })
}

// linear multiplies x by the rows from..to of a layer's weights and adds its
// bias, if it has one. The weights lie as [out, in] in the file and as
// [in, out] in the graph.
func (b *builder) linear(x, layer string, from, to int, bias bool) string {
	name := fmt.Sprintf("%s[%d:%d]", layer, from, to)
	in := b.f.vars[layer+"/weight"].shape[1]
	shape := []int{in, to - from}
	var y string
	if b.int8 && !b.exact(layer) {
		y = b.multiply8(x, name, layer+"/weight", from, to)
	} else {
		w := b.Stream(name, onnxfile.FP32, shape, func(w io.Writer) error {
			v, err := b.f.floats(layer+"/weight", from, to)
			if err != nil {
				return err
			}
			return writeFloats(w, transposed(v, in))
		})
		y = b.op("MatMul", x, w)
	}
	if bias {
		y = b.op("Add", y, b.weight(name+"/bias", layer+"/bias", from, to))
	}
	return y
}

// exact tells which layers stay in fp32: the encoder's way back from four times
// the width. Behind a GELU there are few large numbers among many small ones,
// for which one scale is too coarse. Tiny models, made to be small, were not
// helped by it (decision 35 has the figures).
func (b *builder) exact(layer string) bool {
	return b.info.Width > tinyWidth && strings.HasPrefix(layer, "encoder/") && strings.HasSuffix(layer, "/ffn/linear_1")
}

const tinyWidth = 384

// multiply8 multiplies by weights of one int8 scale, symmetric around 0, as
// onnxruntime's quantize_dynamic has it: the other side is quantised while the
// net runs.
func (b *builder) multiply8(x, name, variable string, from, to int) string {
	v, err := b.f.floats(variable, from, to)
	if err != nil && b.err == nil {
		b.err = err
	}
	scale := scale8(v)
	in := b.f.vars[variable].shape[1]
	w := b.Stream(name+"/int8", onnxfile.Int8, []int{in, to - from}, func(w io.Writer) error {
		v, err := b.f.floats(variable, from, to)
		if err != nil {
			return err
		}
		_, err = w.Write(quantise(transposed(v, in), scale))
		return err
	})
	q, ok := b.inputs[x]
	if !ok {
		q = quantised{x + "_int8", x + "_scale", x + "_zero"}
		b.Node("DynamicQuantizeLinear", []string{x}, []string{q.value, q.scale, q.zero})
		b.inputs[x] = q
	}
	zero := b.once("zero", func() string { return b.Raw("zero", onnxfile.Int8, nil, []byte{0}) })
	y := b.op("MatMulInteger", q.value, w, q.zero, zero)
	y = b.Op("Cast", []string{y}, onnxfile.Int("to", int(onnxfile.FP32)))
	return b.op("Mul", y, b.op("Mul", q.scale, b.Floats(name+"/scale", onnxfile.FP32, nil, scale)))
}

func (b *builder) norm(x, name string) string {
	return b.Op("LayerNormalization", []string{x, b.whole(name + "/gamma"), b.whole(name + "/beta")}, onnxfile.Int("axis", -1), onnxfile.Float("epsilon", 1e-5))
}

func (b *builder) gelu(x string) string {
	y := b.op("Erf", b.op("Div", x, b.scalar("root2", math.Sqrt2)))
	y = b.op("Mul", x, b.op("Add", y, b.scalar("one", 1)))
	return b.op("Mul", y, b.scalar("half", .5))
}

// heads makes [N, rows, width] to one matrix a head, axes ordered by perm of
// [N, rows, head, within].
func (b *builder) heads(x string, perm ...int) string {
	h := int64(b.info.Heads)
	y := b.op("Reshape", x, b.ints(0, 0, h, int64(b.info.Width)/h))
	return b.Op("Transpose", []string{y}, onnxfile.Ints("perm", perm...))
}

func (b *builder) queries(x string) string { return b.heads(x, 0, 2, 1, 3) } // [N, head, rows, within]
func (b *builder) keys(x string) string    { return b.heads(x, 0, 2, 3, 1) } // [N, head, within, rows]
func (b *builder) values(x string) string  { return b.heads(x, 0, 2, 1, 3) } // [N, head, rows, within]

// attend returns what queries of [N, rows, width] take from values, and how
// much from which: [N, head, rows, columns]. mask is added if there is one.
func (b *builder) attend(q, keys, values, mask string) (y, weights string) {
	scale := b.scalar("scale", float32(1/math.Sqrt(float64(b.info.Width/b.info.Heads))))
	a := b.op("MatMul", b.op("Mul", b.queries(q), scale), keys)
	if mask != "" {
		a = b.op("Add", a, mask)
	}
	weights = b.Op("Softmax", []string{a}, onnxfile.Int("axis", -1))
	y = b.Op("Transpose", []string{b.op("MatMul", weights, values)}, onnxfile.Ints("perm", 0, 2, 1, 3))
	return b.op("Reshape", y, b.ints(0, 0, int64(b.info.Width))), weights
}

// feedForward adds to x what its layer makes of each row alone.
func (b *builder) feedForward(x, layer string) string {
	d := b.info.Width
	y := b.gelu(b.linear(b.norm(x, layer+"/layer_norm"), layer+"/linear_0", 0, 4*d, true))
	return b.op("Add", x, b.linear(y, layer+"/linear_1", 0, d, true))
}

// transposed turns rows of n numbers to columns.
func transposed(v []float32, n int) []float32 {
	out := make([]float32, len(v))
	rows := len(v) / n
	const block = 32 // rows and columns at a time, so that both stay in the cache
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < n; c0 += block {
			for r := r0; r < min(r0+block, rows); r++ {
				for c := c0; c < min(c0+block, n); c++ {
					out[c*rows+r] = v[r*n+c]
				}
			}
		}
	}
	return out
}

// scale8 returns what one step of int8 is worth: 127 of them reach the largest number.
func scale8(v []float32) float32 {
	most := float32(0)
	for _, x := range v {
		most = max(most, float32(math.Abs(float64(x))))
	}
	const smallest = 0x1p-126 // normal number of fp32
	if s := 2 * float64(most) / 254; s >= smallest {
		return float32(s)
	}
	return 1
}

func quantise(v []float32, scale float32) []byte {
	out := make([]byte, len(v))
	for i, x := range v {
		out[i] = byte(int8(max(-127, min(127, math.RoundToEven(float64(x/scale))))))
	}
	return out
}

func writeFloats(w io.Writer, v []float32) error {
	buf := make([]byte, 0, 1<<16)
	for len(v) > 0 {
		n := min(len(v), cap(buf)/4)
		buf = buf[:0]
		for _, x := range v[:n] {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		v = v[n:]
	}
	return nil
}
