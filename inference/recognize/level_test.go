package recognize

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/listen"
)

// quieter returns pcm by db less, over steady noise of a level, dBFS.
func quieter(pcm []int16, db, noise float64) []int16 {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]int16, len(pcm))
	f, n := math.Pow(10, -db/20), 32768*math.Pow(10, noise/20)
	for i, v := range pcm {
		out[i] = int16(math.Round(max(-32768, min(32767, float64(v)*f+r.NormFloat64()*n))))
	}
	return out
}

// raised is pcm as a session gives it to a recognizer.
func raised(g *listen.Gain, pcm []int16, chunk int) []int16 {
	var out []int16
	for i := 0; i < len(pcm); i += chunk {
		out = append(out, g.Apply(samples(media.SamplesToTime(i, sampleRate), pcm[i:min(i+chunk, len(pcm))])).Data...)
	}
	return out
}

// TestQuietSpeech: raised by listen.Gain, quiet speech is heard as well as speech of the usual level.
func TestQuietSpeech(t *testing.T) {
	t.Parallel()
	errors := func(db, noise float64) (wrong, total int) {
		var g listen.Gain
		s := open(t)
		at := time.Duration(0)
		for _, e := range everyday {
			pcm := join(silence(400*time.Millisecond), speak(t, e.voice, e.text), silence(600*time.Millisecond))
			said, heard := strings.Fields(e.text), words(hear(t, s, at, raised(&g, quieter(pcm, db, noise), 320), 320))
			at += media.SamplesToTime(len(pcm), sampleRate)
			wrong, total = wrong+distance(said, heard), total+len(said)
		}
		return wrong, total
	}
	clean, total := errors(0, -96)
	noisy, _ := errors(0, -44)
	for _, c := range []struct{ db, noise float64 }{{24, -96}, {36, -96}, {42, -96}, {36, -80}} {
		usual := clean
		if c.noise == c.db*-1-44 { // as far below the speech
			usual = noisy
		}
		wrong, _ := errors(c.db, c.noise)
		t.Logf("%g dB less, noise at %g dBFS: %d of %d words wrong, %d at the usual level", c.db, c.noise, wrong, total, usual)
		if wrong > usual+total/20 {
			t.Errorf("%g dB less, noise at %g dBFS: %d of %d words wrong, %d at the usual level", c.db, c.noise, wrong, total, usual)
		}
	}
}
