package main

/*
#cgo LDFLAGS: -lespeak-ng
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <espeak-ng/speak_lib.h>

// What one synthesis gives, in memory that grows and is used again.
typedef struct { int kind, sample, pos, len; char ipa[9]; } event;
static struct { short *pcm; long n, cap, limit, from; event *ev; long nev, capev; int failed, at; } got;
static atomic_int stopped; // by another thread: nobody waits for the speech

static void stop(int yes) { atomic_store(&stopped, yes); }

static int collect(short *wav, int n, espeak_EVENT *e) {
	if (got.failed || atomic_load(&stopped)) return 1;
	for (; e != NULL && e->type != espeakEVENT_LIST_TERMINATED; e++) {
		if (e->type != espeakEVENT_PHONEME && e->type != espeakEVENT_WORD) continue;
		if (got.nev == got.capev) {
			long cap = got.capev ? 2 * got.capev : 1024;
			event *p = realloc(got.ev, cap * sizeof *p);
			if (p == NULL) { got.failed = 1; return 1; }
			got.ev = p; got.capev = cap;
		}
		event *v = &got.ev[got.nev++];
		memset(v, 0, sizeof *v);
		v->sample = got.from + e->sample;
		if (e->type == espeakEVENT_PHONEME) {
			v->kind = 1;
			memcpy(v->ipa, e->id.string, 8); // it may fill all eight bytes and lack its NUL
		} else {
			v->kind = 2; v->pos = got.at + e->text_position; v->len = e->length;
		}
	}
	if (wav == NULL || n <= 0) return 0;
	if (got.n + n > got.limit) { got.failed = 2; return 1; }
	if (got.n + n > got.cap) {
		long cap = 2 * (got.n + n);
		short *p = realloc(got.pcm, cap * sizeof *p);
		if (p == NULL) { got.failed = 1; return 1; }
		got.pcm = p; got.cap = cap;
	}
	memcpy(got.pcm + got.n, wav, n * sizeof *wav);
	got.n += n;
	return 0;
}

static int start(void) {
	int rate = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, NULL,
		espeakINITIALIZE_PHONEME_EVENTS | espeakINITIALIZE_PHONEME_IPA | espeakINITIALIZE_DONT_EXIT);
	espeak_SetSynthCallback(collect);
	return rate;
}

static void begin(long limit) { got.n = got.nev = 0; got.failed = 0; got.limit = limit; }

// Appends the speech of a text that stands behind so many characters of others.
// Neither espeakSSML nor espeakPHONEMES: text is text, whatever brackets it holds.
static int synth(const char *text, size_t size, int at) {
	got.from = got.n; got.at = at;
	return espeak_Synth(text, size, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, NULL, NULL);
}

// How a text is pronounced, clause by clause; next returns NULL after the last.
static const char *clause;
static void pronounce(const char *text) { clause = text; }
static const char *next(long *left) {
	if (clause == NULL) return NULL;
	const char *ipa = espeak_TextToPhonemes((const void **)&clause, espeakCHARS_UTF8, 2); // 2: IPA
	*left = clause == NULL ? 0 : (long)strlen(clause);
	return ipa;
}

static short *pcm(void) { return got.pcm; }
static event *events(void) { return got.ev; }
static long npcm(void) { return got.n; }
static long nevents(void) { return got.nev; }
static int failed(void) { return got.failed; }
*/
import "C"

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"livedub/inference/speak/wire"
)

const longest = 10 * 60 // seconds of speech

// synthesizer is libespeak-ng; there can be one in a process.
type synthesizer struct {
	rate  int
	voice string // that is set
}

func open() (*synthesizer, error) {
	rate := C.start()
	if rate <= 0 {
		return nil, errors.New("no espeak-ng-data; apt install espeak-ng-data")
	}
	return &synthesizer{rate: int(rate)}, nil
}

// voices returns the languages of all installed voices; of two voices for one
// language the one that espeak-ng prefers comes first.
func (s *synthesizer) voices() []wire.Voice {
	type ranked struct {
		wire.Voice
		priority byte
	}
	var all []ranked
	list := unsafe.Slice(C.espeak_ListVoices(nil), 1<<12)
	for _, v := range list {
		if v == nil {
			break
		}
		// languages is a row of (priority byte, string with NUL), ended by a priority of 0.
		p := unsafe.Pointer(v.languages)
		for *(*byte)(p) != 0 {
			lang := C.GoString((*C.char)(unsafe.Add(p, 1)))
			all = append(all, ranked{wire.Voice{Lang: strings.ToLower(lang), Name: C.GoString(v.identifier)}, *(*byte)(p)})
			p = unsafe.Add(p, 2+len(lang))
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return int(a.priority) - int(b.priority) })
	var voices []wire.Voice
	for _, v := range all {
		voices = append(voices, v.Voice)
	}
	return voices
}

var voiceName = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\+[A-Za-z0-9_-]+)?$`)

// set has the library use a voice.
func (s *synthesizer) set(voice string) error {
	if !voiceName.MatchString(voice) {
		return fmt.Errorf("%q is no voice name", voice)
	}
	if voice == s.voice {
		return nil
	}
	name := C.CString(voice)
	defer C.free(unsafe.Pointer(name))
	s.voice = ""
	if C.espeak_SetVoiceByName(name) != C.EE_OK {
		return fmt.Errorf("no voice %q; apt install espeak-ng-data", voice)
	}
	s.voice = voice
	return nil
}

// phonemes tells how a text is pronounced.
func (s *synthesizer) phonemes(q wire.Request) ([]wire.Clause, error) {
	if err := s.set(q.Voice); err != nil {
		return nil, err
	}
	var out []wire.Clause
	for _, piece := range pieces(plain(q.Text)) {
		out = append(out, clauses(piece)...)
	}
	return out, nil
}

// clauses tells how a text is pronounced that the library takes as a whole.
func clauses(rest string) (out []wire.Clause) {
	text := C.CString(rest) // the library keeps its place in it
	defer C.free(unsafe.Pointer(text))
	C.pronounce(text)
	for {
		var left C.long
		ipa := C.next(&left)
		if ipa == nil {
			return out
		}
		n := clauseEnd(rest, min(max(len(rest)-int(left), 0), len(rest)))
		out = append(out, wire.Clause{Runes: utf8.RuneCountInString(rest[:n]), IPA: strings.ToValidUTF8(C.GoString(ipa), "")})
		rest = rest[n:]
	}
}

// clauseEnd returns where a clause of text ends for which espeak-ng has read n
// bytes: it looks one letter ahead, beyond the punctuation.
func clauseEnd(text string, n int) int {
	ahead, size := utf8.DecodeLastRuneInString(text[:n])
	before, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(text[:n-size], unicode.IsSpace))
	if n < len(text) && !unicode.IsSpace(ahead) && unicode.IsPunct(before) {
		return n - size
	}
	return n
}

// speak ends early, with an error, when ctx does.
func (s *synthesizer) speak(ctx context.Context, q wire.Request) (wire.Reply, error) {
	if err := s.set(q.Voice); err != nil {
		return wire.Reply{}, err
	}
	C.espeak_SetParameter(C.espeakRATE, C.int(q.Speed), 0)
	C.espeak_SetParameter(C.espeakPITCH, C.int(q.Pitch), 0)
	C.espeak_SetParameter(C.espeakRANGE, C.int(q.Range), 0)

	C.stop(0)
	defer context.AfterFunc(ctx, func() { C.stop(1) })()
	C.begin(C.long(longest * s.rate))
	runes := 0
	for _, piece := range pieces(plain(q.Text)) {
		text := append([]byte(piece), 0)
		if C.synth((*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)), C.int(runes)) != C.EE_OK {
			return wire.Reply{}, errors.New("synthesis failed")
		}
		runes += utf8.RuneCountInString(piece)
	}
	if err := ctx.Err(); err != nil {
		return wire.Reply{}, err
	}
	switch C.failed() {
	case 1:
		return wire.Reply{}, errors.New("out of memory")
	case 2:
		return wire.Reply{}, fmt.Errorf("speech longer than %d s; split the text", longest)
	}
	return s.result(runes), nil
}

// result copies what was synthesised; it makes events lie in order and within the sound and the text.
func (s *synthesizer) result(runes int) wire.Reply {
	var r wire.Reply
	if n := int(C.npcm()); n > 0 {
		r.PCM = slices.Clone(unsafe.Slice((*int16)(unsafe.Pointer(C.pcm())), n))
	}
	n := int(C.nevents())
	if n == 0 {
		return r
	}
	last := 0
	for _, v := range unsafe.Slice(C.events(), n) {
		e := wire.Event{Kind: wire.Kind(v.kind), Sample: min(max(int(v.sample), last), len(r.PCM))}
		last = e.Sample
		if e.Kind == wire.Phoneme {
			raw := C.GoBytes(unsafe.Pointer(&v.ipa[0]), C.int(len(v.ipa)))
			raw, _, _ = bytes.Cut(raw, []byte{0})
			e.IPA = strings.ToValidUTF8(string(raw), "") // eight bytes may end within a letter
		} else {
			e.Pos = min(max(int(v.pos)-1, 0), runes) // espeak-ng counts from 1
			e.Len = min(max(int(v.len), 0), runes-e.Pos)
		}
		r.Events = append(r.Events, e)
	}
	return r
}

// plain replaces, one for one, the characters that end or steer espeak-ng's reading.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
