// Package inferencetest holds one conformance suite per inference stage, run against the fakes and the real engines alike.
package inferencetest
