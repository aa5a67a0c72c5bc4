package onnx

import (
	"fmt"
	"math"

	ort "github.com/yalue/onnxruntime_go"

	"livedub/inference"
)

// Element types, as ONNX numbers them.
const (
	elemFloat = 1
	elemInt32 = 6
	elemInt64 = 7
	elemBool  = 9
	elemHalf  = 10
)

// elemNames are the types that Tensors are converted from and to.
var elemNames = map[int]string{elemFloat: "fp32", elemHalf: "fp16", elemInt64: "int64", elemInt32: "int32"}

// elements returns the product of dims, and false if it is none.
func elements(dims []int) (int, bool) {
	n := 1
	for _, d := range dims {
		if d < 0 || d > 0 && n > math.MaxInt32*64/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

func shapeOf(dims []int) ort.Shape {
	s := make(ort.Shape, len(dims))
	for i, d := range dims {
		s[i] = int64(d)
	}
	return s
}

// input gives the runtime a tensor in the type that the net wants. Its memory
// is Go's and stays in use until the value is destroyed.
func input(elem int, t inference.Tensor) (ort.Value, error) {
	switch elem {
	case elemFloat:
		return newValue(t.Shape, t.Data)
	case elemInt64:
		data, err := integers[int64](t.Data, -0x1p63, 0x1p63)
		if err != nil {
			return nil, err
		}
		return newValue(t.Shape, data)
	case elemInt32:
		data, err := integers[int32](t.Data, -0x1p31, 0x1p31)
		if err != nil {
			return nil, err
		}
		return newValue(t.Shape, data)
	}
	data := make([]byte, 2*len(t.Data))
	halves(data, t.Data)
	return ort.NewCustomDataTensor(shapeOf(t.Shape), data, ort.TensorElementDataTypeFloat16)
}

func newValue[T float32 | int64 | int32](shape []int, data []T) (ort.Value, error) {
	if len(shape) == 0 {
		return ort.NewScalar(data[0])
	}
	return ort.NewTensor(shapeOf(shape), data)
}

// integers rounds to whole numbers of [low, high).
func integers[T int64 | int32](data []float32, low, high float64) ([]T, error) {
	out := make([]T, len(data))
	for i, f := range data {
		v := math.RoundToEven(float64(f))
		if !(v >= low && v < high) {
			return nil, fmt.Errorf("%v is no whole number that it holds", f)
		}
		out[i] = T(v)
	}
	return out, nil
}

// output makes room for a result whose shape is known before the run.
func output(elem int, dims []int, limit int64) (ort.Value, error) {
	n, ok := elements(dims)
	if !ok || int64(n) > limit/elemSize(elem) {
		return nil, fmt.Errorf("the shape %v takes more than %d MB", dims, limit>>20)
	}
	switch elem {
	case elemFloat:
		return newValue(dims, make([]float32, n))
	case elemInt64:
		return newValue(dims, make([]int64, n))
	case elemInt32:
		return newValue(dims, make([]int32, n))
	}
	return ort.NewCustomDataTensor(shapeOf(dims), make([]byte, 2*n), ort.TensorElementDataTypeFloat16)
}

// result reads what a run made. The data of an fp32 result is the value's own,
// which is Go's memory and outlives it.
func result(v ort.Value) (inference.Tensor, error) {
	var t inference.Tensor
	for _, d := range v.GetShape() {
		t.Shape = append(t.Shape, int(d))
	}
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		t.Data = v.GetData()
	case *ort.Tensor[int64]:
		t.Data = fromIntegers(v.GetData())
	case *ort.Tensor[int32]:
		t.Data = fromIntegers(v.GetData())
	case *ort.Scalar[float32]:
		t.Data = []float32{v.GetData()}
	case *ort.Scalar[int64]:
		t.Data = []float32{float32(v.GetData())}
	case *ort.Scalar[int32]:
		t.Data = []float32{float32(v.GetData())}
	case *ort.CustomDataTensor:
		data := v.GetData()
		t.Data = make([]float32, len(data)/2)
		floats(t.Data, data)
	default:
		return t, fmt.Errorf("a result of the type %T cannot be read", v)
	}
	return t, nil
}

func fromIntegers[T int64 | int32](data []T) []float32 {
	out := make([]float32, len(data))
	for i, v := range data {
		out[i] = float32(v)
	}
	return out
}
