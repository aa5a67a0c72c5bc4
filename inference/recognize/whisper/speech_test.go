package whisper

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"livedub/internal/bench/words/score"
)

// wav reads 16-bit mono sound of 16 kHz out of what a program writes to a file.
func wav(t testing.TB, program string, args ...string) []float32 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.wav")
	cmd := exec.CommandContext(t.Context(), program, append(args, path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s; apt install flite ffmpeg", program, err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), "data") + 8
	pcm := make([]float32, (len(b)-at)/2)
	for i := range pcm {
		pcm[i] = float32(int16(binary.LittleEndian.Uint16(b[at+2*i:]))) / (1 << 15)
	}
	return pcm
}

func flite(t testing.TB, voice, text string) []float32 {
	return wav(t, "flite", "-voice", voice, "-t", text, "-o")
}

func clip(t testing.TB, path string) []float32 {
	return wav(t, "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-ac", "1", "-ar", "16000")
}

// sentences are read by flite.
var sentences = []struct{ voice, text string }{
	{"rms", "Good morning everybody. The weather is nice today, so we will walk to the river."},
	{"slt", "Please close the window, because it is very cold in here."},
	{"rms", "My brother lives in a big house near the station, and he has two dogs."},
	{"slt", "We would like to order twelve cups of coffee and a glass of water."},
	{"rms", "The train to London leaves at half past seven from platform nine."},
}

// spelled returns the sentence that the name of a GRID clip spells.
func spelled(path string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "grid__"), ".mpg")
	var words []string
	for i, of := range []string{"bin lay place set", "blue green red white", "at by in with", "", "", "again now please soon"} {
		word := name[i : i+1]
		if i == 4 {
			word = spoken[strings.Index("z123456789", word)]
		}
		for _, w := range strings.Fields(of) {
			if w[0] == name[i] {
				word = w
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

var spoken = strings.Fields("zero one two three four five six seven eight nine")

var (
	notText = regexp.MustCompile(`[^a-z0-9' ]`)
	mixed   = regexp.MustCompile(`\b([a-z])([0-9])\b`)
)

// plain returns the words of a text without case and punctuation, digits spelled.
func plain(text string) []string {
	text = notText.ReplaceAllString(strings.ToLower(strings.ReplaceAll(text, "-", " ")), " ")
	words := strings.Fields(mixed.ReplaceAllString(text, "$1 $2"))
	for i, w := range words {
		if len(w) == 1 && w[0] >= '0' && w[0] <= '9' {
			words[i] = spoken[w[0]-'0']
		}
	}
	return words
}

// errorsIn returns how many words must be changed, added or taken out.
func errorsIn(want, got []string) int { return score.WordErrors(want, got).Total() }
