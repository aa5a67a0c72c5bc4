//go:build linux && (amd64 || arm64)

package main

// The libraries lie beside the program where make build puts them, else in Go's module cache.

// #cgo LDFLAGS: -Wl,-rpath,$ORIGIN
import "C"
