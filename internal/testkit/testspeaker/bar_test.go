package testspeaker

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"livedub/media"
	"livedub/media/codec"
)

func TestBarNeverReadsWrong(t *testing.T) {
	f := media.NewFrame(640, 360)
	defer f.Release()
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 1<<16; n += 1 + rng.IntN(200) {
		Burn(f, uint16(n))
		// Dull, and noisy.
		for i := range f.Y[:24*640] {
			f.Y[i] = byte(70 + int(f.Y[i])/3 + rng.IntN(31) - 15)
		}
		if got, ok := ReadBar(f); !ok || got != uint16(n) {
			t.Fatalf("%d read as %d, %v", n, got, ok)
		}
		// Up to three wrong blocks are noticed: x^8+x^2+x+1 has distance 4 at this length.
		for _, b := range rng.Perm(barBlocks)[:1+n%3] {
			for y := range 24 {
				row := f.Y[y*640+b*20 : y*640+b*20+20]
				for x := range row {
					row[x] = 223 - row[x] // light for dark, dark for light
				}
			}
		}
		if got, ok := ReadBar(f); ok {
			t.Fatalf("%d with wrong blocks read as %d", n, got)
		}
	}
}

// The codes that a separate implementation of the description made.
func TestBarKnownCodes(t *testing.T) {
	for n, crc := range map[uint16]byte{0: 89, 1: 94, 2: 87, 255: 170, 256: 76} {
		if got := crc8(n); got != crc {
			t.Errorf("crc of %d is %d, want %d", n, got, crc)
		}
	}
}

func TestBarSurvivesCodingAndScaling(t *testing.T) {
	speakers := map[bool]*Speaker{}
	for portrait, size := range map[bool][2]int{false: {640, 360}, true: {180, 320}} {
		speaker, err := New(Config{Width: size[0], Height: size[1], BarCode: true})
		if err != nil {
			t.Fatal(err)
		}
		defer speaker.Close()
		speakers[portrait] = speaker
	}
	for _, c := range []media.Codec{media.H264, media.VP8} {
		for _, size := range [][2]int{{640, 360}, {320, 180}, {180, 320}, {482, 270}} {
			t.Run(fmt.Sprint(c, size), func(t *testing.T) {
				// Portraits are not made of landscapes: fitting one in would pad the code.
				survives(t, speakers[size[0] < size[1]], c, size[0], size[1])
			})
		}
	}
}

// survives scales frames to w by h, codes them at a low rate, and reads them.
func survives(t *testing.T, speaker *Speaker, c media.Codec, w, h int) {
	shaper := codec.NewShaper(media.Track{}, 4096, 4096)
	defer shaper.Close()
	shaper.Fix(w, h)
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: c, Width: w, Height: h, Bitrate: 150000})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	dec, err := codec.NewVideoDecoder(enc.Track())
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for n := 40000; n < 40010; n++ {
		f, err := shaper.Shape(speaker.Frame(n))
		if err != nil {
			t.Fatal(err)
		}
		p, err := enc.Encode(f, n == 40000)
		f.Release()
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dec.Decode(p)
		if err != nil || len(frames) != 1 {
			t.Fatalf("%d frames: %v", len(frames), err)
		}
		if got, ok := ReadBar(frames[0]); !ok || got != uint16(n) {
			t.Errorf("%d read as %d, %v", n, got, ok)
		}
		frames[0].Release()
	}
}

func FuzzReadBar(f *testing.F) {
	f.Add(uint16(64), uint16(30), []byte{1, 200, 3})
	f.Add(uint16(1), uint16(1), []byte{})
	f.Add(uint16(639), uint16(7), []byte{255, 0})
	f.Fuzz(func(t *testing.T, w, h uint16, data []byte) {
		p := media.NewFrame(1+int(w)%700, 1+int(h)%400)
		defer p.Release()
		for i := range p.Y {
			p.Y[i] = 0
			if len(data) > 0 {
				p.Y[i] = data[i%len(data)]
			}
		}
		n, ok := ReadBar(p)
		if p.Width < 2*barBlocks || BarHeight(p.Height) < 2 {
			if ok {
				t.Fatalf("read %d of %dx%d", n, p.Width, p.Height)
			}
			return
		}
		Burn(p, 12345)
		if n, ok := ReadBar(p); !ok || n != 12345 {
			t.Fatalf("%dx%d: 12345 read as %d, %v", p.Width, p.Height, n, ok)
		}
	})
}
