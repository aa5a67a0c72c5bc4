// Package whisper recognizes speech by OpenAI's Whisper nets, run by any
// inference.Model. ConvertCT2 makes the nets out of the files in which they
// are published for CTranslate2; a Model decodes up to 30 s of sound greedily,
// and tells when each word was said, how sure it is, and whether there was
// speech at all.
//
// Whisper invents text where there is none. A Result therefore says what a
// caller needs to refuse it: NoSpeech, AvgLogProb, Repeats and Cut.
package whisper
