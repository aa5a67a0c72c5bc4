// Package talker is a synthetic speaker: a drawn head that talks, numbers its
// pictures by a bar code and its seconds by sound markers. Tests, the page's
// sample, the documentation's pictures and load tests use it where a person
// would sit. Everything it shows and says depends on its Config alone.
//
// The sample's voice is flite's "rms" (Carnegie Mellon's CMU_ARCTIC recordings,
// free to use for any purpose under flite's BSD-like licence; flite itself is a
// program we start and is not shipped). See README.md.
package talker

//go:generate go run ./cmd/mksample -out ../../web/public/sample.mp4 -poster ../../docs/img/talker.png
