package media_test

import (
	"fmt"
	"time"

	"livedub/media"
)

// Whoever keeps a frame retains it, and each holder releases it once.
func ExampleFrame() {
	f := media.NewFrame(320, 180)
	f.PTS = 40 * time.Millisecond
	shown := make(chan *media.Frame, 1)
	shown <- f.Retain() // a second holder
	f.Release()         // the first is through with it

	g := <-shown
	fmt.Println(g.Width, g.Height, g.PTS, "held:", media.LiveFrames())
	g.Release()
	fmt.Println("held:", media.LiveFrames())
	// Output:
	// 320 180 40ms held: 1
	// held: 0
}

// Samples are interleaved; their times come from their rate.
func ExampleSamples() {
	s := media.Samples{PTS: time.Second, Rate: 48000, Channels: 2, Data: make([]int16, 2*960)}
	fmt.Println(s.Frames(), s.Duration(), s.End())
	// Output: 960 20ms 1.02s
}
