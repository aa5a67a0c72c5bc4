package testspeaker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"livedub/inference"
	"livedub/inference/viseme"
	"livedub/media"
)

// Flite speaks English by the flite program: the voices that a recognizer
// trained on people understands (FACTS: no word errors with rms and slt). It
// implements inference.Synthesizer; Fit and Pitch are not its matter.
type Flite struct{ Voice string } // "rms" (the default), "slt", ...

// Languages returns English where flite is installed.
func (Flite) Languages() []inference.Lang {
	if _, err := exec.LookPath("flite"); err != nil {
		return nil
	}
	return []inference.Lang{"en"}
}

// Close does nothing: flite lives for one sentence.
func (Flite) Close() error { return nil }

// Speak says r.Text and tells which phoneme sounds when.
func (v Flite) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	if r.Lang != "en" {
		return inference.Speech{}, fmt.Errorf("flite speaks en, not %q: %w", r.Lang, inference.ErrUnsupported)
	}
	voice := v.Voice
	if voice == "" {
		voice = "rms"
	}
	dir, err := os.MkdirTemp("", "livedub-flite-")
	if err != nil {
		return inference.Speech{}, err
	}
	defer os.RemoveAll(dir)
	wav := filepath.Join(dir, "x.wav")
	out, err := exec.CommandContext(ctx, "flite", "-voice", voice, "-psdur", "-t", r.Text, "-o", wav).Output()
	if errors.Is(err, exec.ErrNotFound) {
		return inference.Speech{}, errors.New("flite is not installed: apt install flite")
	}
	if err != nil {
		return inference.Speech{}, fmt.Errorf("flite -voice %s: %w", voice, err)
	}
	data, err := os.ReadFile(wav)
	if err != nil {
		return inference.Speech{}, err
	}
	sound, err := parseWAV(data)
	if err != nil {
		return inference.Speech{}, err
	}
	return inference.Speech{Sound: sound, Marks: phones(string(out)), Rate: 1, Voice: "flite " + voice}, nil
}

// parseWAV reads 16-bit PCM of a RIFF file.
func parseWAV(b []byte) (media.Samples, error) {
	bad := errors.New("not a WAV file of 16-bit PCM: check the program that wrote it")
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return media.Samples{}, bad
	}
	var s media.Samples
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		body := b[8:min(len(b), 8+size)]
		switch id {
		case "fmt ":
			if len(body) < 16 || binary.LittleEndian.Uint16(body) != 1 || binary.LittleEndian.Uint16(body[14:]) != 16 {
				return media.Samples{}, bad
			}
			s.Channels = int(binary.LittleEndian.Uint16(body[2:]))
			s.Rate = int(binary.LittleEndian.Uint32(body[4:]))
		case "data":
			if s.Channels < 1 || s.Channels > 2 || s.Rate < 8000 || s.Rate > 192000 {
				return media.Samples{}, bad
			}
			s.Data = make([]int16, len(body)/2/s.Channels*s.Channels)
			for i := range s.Data {
				s.Data[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return s, nil
		}
		b = b[min(len(b), 8+size+size%2):]
	}
	return media.Samples{}, bad
}

// phones reads flite's -psdur listing, "phone:end" with ends in seconds, as marks.
func phones(listing string) []inference.Mark {
	var marks []inference.Mark
	var at time.Duration
	for _, field := range strings.Fields(listing) {
		phone, sec, _ := strings.Cut(field, ":")
		end, err := strconv.ParseFloat(sec, 64)
		if err != nil || !(end >= 0 && end < 1e6) {
			continue
		}
		until := max(at, time.Duration(end*float64(time.Second)))
		ipa := arpabet[phone]
		marks = append(marks, inference.Mark{IPA: ipa, Viseme: viseme.Of(ipa), At: at, Dur: until - at})
		at = until
	}
	return marks
}

// arpabet gives the IPA of flite's English phones; pauses have none.
var arpabet = map[string]string{
	"aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "tʃ", "d": "d",
	"dh": "ð", "eh": "ɛ", "er": "ɝ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ",
	"k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ",
	"t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}
