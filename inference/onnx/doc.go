// Package onnx runs nets in this process by ONNX Runtime, on the CPU or on an
// NVIDIA GPU, behind inference.Model.
//
// The runtime is a shared library that is loaded by its path, never linked: a
// process has one, for its whole life. livedub brings the CPU build; a GPU
// build is the operator's, named by Config.Library.
//
// Nothing in a model's file is believed: it is read before the runtime sees it
// (scan.go), each run has a time limit and memory an upper bound, and which
// device did the work is read from the runtime's own profile (proof.go).
package onnx
