//go:build never

package onnx

// The CPU library lies in this module, and go mod download brings it; nothing of it is compiled.
import _ "github.com/k2-fsa/sherpa-onnx-go-linux"
