// Package onnxfile writes the nets that tests and benchmarks run: nets of
// well-known shapes with random weights, nets with a meaning that can be seen
// in their output, and hostile ones. The writer is inference/onnx/onnxfile.
package onnxfile

import (
	"fmt"
	"math"

	"livedub/inference/onnx/onnxfile"
)

// Cost is what a net takes.
type Cost struct {
	Parameters int64   // weights and biases
	FLOP       float64 // of one item of a batch; a multiplication and its addition are two
}

// net puts layers together on a Graph, keeps the shape of every value, and
// counts. The weights are random, scaled as He et al. do, so that values stay
// within what fp16 can hold through hundreds of layers.
type net struct {
	*onnxfile.Graph
	typ   onnxfile.Type
	seed  uint64
	shape map[string][]int // of one item: without the batch
	cost  Cost
	named int

	hollow bool // random weights have no elements: for a look at the graph alone
}

func newNet(name string, fp16 bool, seed uint64) *net {
	n := &net{Graph: onnxfile.New(name), typ: onnxfile.FP32, seed: seed, shape: map[string][]int{}}
	if fp16 {
		n.typ = onnxfile.FP16
	}
	return n
}

// in declares an input of a batch of values of the given shape.
func (n *net) in(name string, shape ...int) string {
	n.Input(name, n.typ, append([]int{onnxfile.Batch}, shape...)...)
	n.shape[name] = shape
	return name
}

// out makes x the output name.
func (n *net) out(name, x string) {
	n.Node("Identity", []string{x}, []string{name})
	n.Output(name, n.typ, append([]int{onnxfile.Batch}, n.shape[x]...)...)
}

// random adds weights for fan inputs a sum; gain 1 keeps the variance through a ReLU.
func (n *net) random(fan int, gain float64, shape ...int) string {
	n.named++
	n.count(shape)
	return n.weights(fmt.Sprintf("w%d", n.named), gain*math.Sqrt(6/float64(fan)), n.seed<<20+uint64(n.named), shape)
}

func (n *net) weights(name string, bound float64, seed uint64, shape []int) string {
	if n.hollow {
		shape = []int{0}
	}
	return randomWeights(n.Graph, name, n.typ, shape, bound, seed)
}

// same adds weights that are all v.
func (n *net) same(v float32, shape ...int) string {
	n.named++
	n.count(shape)
	data := make([]float32, product(shape))
	for i := range data {
		data[i] = v
	}
	return n.Floats(fmt.Sprintf("w%d", n.named), n.typ, shape, data...)
}

func (n *net) count(shape []int) { n.cost.Parameters += int64(product(shape)) }

// to reshapes an item; the batch stays.
func (n *net) to(x string, shape ...int) string {
	n.named++
	dims := []int64{0} // 0: as it is
	for _, d := range shape {
		dims = append(dims, int64(d))
	}
	return n.is(n.Op("Reshape", []string{x, n.Ints(fmt.Sprintf("s%d", n.named), dims...)}), shape...)
}

// is notes the shape of a value.
func (n *net) is(x string, shape ...int) string {
	n.shape[x] = shape
	return x
}

// like notes that x has the shape of y.
func (n *net) like(y, x string) string { return n.is(x, n.shape[y]...) }

func (n *net) relu(x string) string { return n.like(x, n.Op("Relu", []string{x})) }
func (n *net) add(x, y string) string {
	return n.like(x, n.Op("Add", []string{x, y}))
}
func (n *net) mul(x, y string) string {
	return n.like(x, n.Op("Mul", []string{x, y}))
}
func (n *net) sigmoid(x string) string { return n.like(x, n.Op("Sigmoid", []string{x})) }

// cat joins along the channels.
func (n *net) cat(xs ...string) string {
	s := append([]int(nil), n.shape[xs[0]]...)
	for _, x := range xs[1:] {
		s[0] += n.shape[x][0]
	}
	return n.is(n.Op("Concat", xs, onnxfile.Int("axis", 1)), s...)
}

// window is the geometry of a convolution: kernel, strides, padding on every
// side, and what a transposed one adds at the far end.
type window struct{ k, sy, sx, pad, extra int }

// conv is a 2D convolution with bias, batch normalisation folded in.
func (n *net) conv(x string, to int, w window, gain float64) string {
	s := n.shape[x]
	h := (s[1]+2*w.pad-w.k)/w.sy + 1
	v := (s[2]+2*w.pad-w.k)/w.sx + 1
	fan := s[0] * w.k * w.k
	n.cost.FLOP += 2 * float64(fan) * float64(to*h*v)
	return n.is(n.Op("Conv", []string{x, n.random(fan, gain, to, s[0], w.k, w.k), n.random(to, .1, to)},
		onnxfile.Ints("kernel_shape", w.k, w.k), onnxfile.Ints("strides", w.sy, w.sx), onnxfile.Ints("pads", w.pad, w.pad, w.pad, w.pad)), to, h, v)
}

// transposed is a transposed 2D convolution with bias.
func (n *net) transposed(x string, to int, w window) string {
	s := n.shape[x]
	h := (s[1]-1)*w.sy - 2*w.pad + w.k + w.extra
	v := (s[2]-1)*w.sx - 2*w.pad + w.k + w.extra
	n.cost.FLOP += 2 * float64(s[0]*w.k*w.k) * float64(to*s[1]*s[2])
	fan := max(1, s[0]*w.k*w.k/(w.sy*w.sx))
	return n.is(n.Op("ConvTranspose", []string{x, n.random(fan, 1, s[0], to, w.k, w.k), n.random(to, .1, to)},
		onnxfile.Ints("kernel_shape", w.k, w.k), onnxfile.Ints("strides", w.sy, w.sx), onnxfile.Ints("pads", w.pad, w.pad, w.pad, w.pad),
		onnxfile.Ints("output_padding", w.extra, w.extra)), to, h, v)
}

// linear multiplies the last dimension.
func (n *net) linear(x string, to int, bias bool, gain float64) string {
	s := n.shape[x]
	from := s[len(s)-1]
	n.cost.FLOP += 2 * float64(product(s)) * float64(to)
	shape := append(append([]int(nil), s[:len(s)-1]...), to)
	y := n.Op("MatMul", []string{x, n.random(from, gain, from, to)})
	if bias {
		y = n.Op("Add", []string{y, n.random(to, .1, to)})
	}
	return n.is(y, shape...)
}

// upsampled doubles height and width.
func (n *net) upsampled(x string) string {
	n.named++
	s := n.shape[x]
	scales := n.Floats(fmt.Sprintf("s%d", n.named), onnxfile.FP32, []int{4}, 1, 1, 2, 2)
	return n.is(n.Op("Resize", []string{x, "", scales}, onnxfile.Text("mode", "nearest"),
		onnxfile.Text("coordinate_transformation_mode", "asymmetric"), onnxfile.Text("nearest_mode", "floor")), s[0], 2*s[1], 2*s[2])
}

func product(shape []int) int {
	p := 1
	for _, d := range shape {
		p *= d
	}
	return p
}
