// Package testspeaker is a synthetic speaker: a drawn head that talks, numbers its
// frames by a bar code and its seconds by sound markers. Tests, the page's
// sample, the documentation's frames and load tests use it where a person
// would sit. Everything it shows and says depends on its Config alone.
//
// The sample's voice is "rms" of the program flite, under a BSD-like licence of
// Carnegie Mellon University; README.md has its terms. flite is started where it
// is installed and is not shipped.
package testspeaker

//go:generate go run ./cmd/mksample -lang es -bitrate 160000 -out ../../../web/public/sample-es.mp4
//go:generate go run ./cmd/mksample -out ../../../web/public/sample.mp4 -poster ../../../docs/img/testspeaker.png
