// Package recognize is the embedded default recognizer: PocketSphinx en-US, in
// processes of its own (cmd/pocketsphinxworker), behind a voice activity
// detector and a cutter that ends units of speech at pauses.
//
// The parts stand apart so that other recognizers can use them: VAD finds
// speech, cutter chooses where a long unit is cut, clock tells the session time
// of a sample, pitchMeter hears the height of a voice. Only decoder.go
// knows PocketSphinx's processes.
//
// Sound is mono, 16 kHz, 16 bits everywhere; positions are samples since the
// stream's first one.
package recognize

import "time"

// sampleRate is the only rate the acoustic model and the detectors are made for, in Hz.
const sampleRate = 16000

// frameLen is the detector's step: 20 ms, in samples.
const frameLen = sampleRate / 50

const frameTime = 20 * time.Millisecond
