// Command mksample makes the sample that the page offers and the frame in the
// documentation: a drawn head that says a few sentences, English by flite or
// Spanish by Kokoro.
//
//	go run ./internal/testkit/testspeaker/cmd/mksample [-out web/public/sample.mp4] [-poster docs/img/testspeaker.png]
//	go run ./internal/testkit/testspeaker/cmd/mksample -lang es [-out web/public/sample-es.mp4]
//
// It needs flite, or the weights of Kokoro that make models brings ($LIVEDUB_MODELS
// names another folder) and what make build puts in bin.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/file"
)

func main() {
	out := flag.String("out", "web/public/sample.mp4", "where the film goes")
	poster := flag.String("poster", "", "where the image goes; none without")
	lang := flag.String("lang", "en", "what is spoken: en or es")
	bitrate := flag.Int("bitrate", 300000, "of the frames, bit/s")
	seed := flag.Uint64("seed", 0, "who is drawn")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *lang, *out, *poster, *bitrate, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "mksample:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, lang, out, poster string, bitrate int, seed uint64) error {
	speech, err := say(ctx, lang)
	if err != nil {
		return err
	}
	t, err := testspeaker.New(testspeaker.Config{Width: 640, Height: 360, FPS: 30, Seed: seed, Speech: speech})
	if err != nil {
		return err
	}
	if poster != "" {
		if err := frame(t, poster); err != nil {
			t.Close()
			return err
		}
	}
	src, err := testspeaker.NewSource(t, testspeaker.SourceConfig{Audio: media.AAC, Bitrate: bitrate, OutOfBand: true, Length: t.Length()})
	if err != nil {
		return err
	}
	return errors.Join(film(ctx, src, out), src.Close())
}

// say says the sentences of a language.
func say(ctx context.Context, lang string) (testspeaker.Speech, error) {
	switch lang {
	case "en":
		return testspeaker.Speak(ctx, nil, time.Second, testspeaker.Sentences...)
	case "es":
		voice, end, err := openKokoro(ctx)
		if err != nil {
			return testspeaker.Speech{}, err
		}
		defer end()
		return testspeaker.SpeakIn(ctx, voice, "es", time.Second, testspeaker.Spanish...)
	}
	return testspeaker.Speech{}, fmt.Errorf("-lang %q: choose en or es", lang)
}

// film writes all of src to an MP4 file.
func film(ctx context.Context, src media.Source, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	sink, err := file.Create(path, file.SinkConfig{Video: media.H264, Audio: media.AAC})
	if err != nil {
		return err
	}
	err = sink.Start(src.Tracks())
	for err == nil {
		var p media.Packet
		if p, err = src.Read(ctx); err == nil {
			err = sink.Write(p)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, sink.Close())
}

// frame writes the first frame after 2 s whose mouth is well open and whose eyes are too.
func frame(t *testspeaker.Speaker, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	n := 0
	for k := 60; k < 600; k++ {
		if t.Mouth(t.At(k)).Open > .4 && t.Lids(t.At(k)) < .05 {
			n = k
			break
		}
	}
	f := t.Frame(n)
	defer f.Release()
	w, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(w, testspeaker.Image(f)), w.Close())
}
