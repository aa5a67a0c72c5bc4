package opening

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
)

// Model says what features mean: a weight for each, and what is added.
type Model struct {
	weights Features
	bias    float64
}

// learned holds the weights in steps of unit, as 16-bit numbers, little-endian, after
// the bias and the unit as 32-bit floats. `livedub bench lips --fit` writes it.
//
//go:embed opening.model
var learned []byte

// Learned is the model that this program comes with.
var Learned = func() *Model {
	m, err := Parse(learned)
	if err != nil {
		panic(err) // it is compiled in, and a test reads it
	}
	return m
}()

// New makes a model of weights and what is added.
func New(weights *Features, bias float64) *Model { return &Model{*weights, bias} }

// Height returns the opening between the lips in distances between the eyes. It may
// be a little below 0 where they are closed.
func (m *Model) Height(f *Features) float64 {
	var sum float64
	for i, w := range m.weights {
		sum += float64(w) * float64(f[i])
	}
	return sum + m.bias
}

const header = 8

// most bounds what a model may be made of: beyond it heights are no numbers.
const most = 1000

// Parse reads what Bytes wrote.
func Parse(b []byte) (*Model, error) {
	if len(b) != header+2*Dim {
		return nil, fmt.Errorf("a model of %d bytes: it has %d", len(b), header+2*Dim)
	}
	bias := math.Float32frombits(binary.LittleEndian.Uint32(b))
	unit := math.Float32frombits(binary.LittleEndian.Uint32(b[4:]))
	if !(abs(bias) <= most && abs(unit) <= most) {
		return nil, fmt.Errorf("a model whose bias is %v and unit %v: they are numbers up to %v", bias, unit, most)
	}
	m := &Model{bias: float64(bias)}
	for i := range m.weights {
		m.weights[i] = unit * float32(int16(binary.LittleEndian.Uint16(b[header+2*i:])))
	}
	return m, nil
}

// Bytes returns the model as Parse reads it.
func (m *Model) Bytes() []byte {
	var largest float32
	for _, w := range m.weights {
		largest = max(largest, abs(w))
	}
	unit := largest / math.MaxInt16
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(m.bias)))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(unit))
	for _, w := range m.weights {
		v := 0.
		if unit > 0 {
			v = math.Round(float64(w / unit))
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v)))
	}
	return b
}
