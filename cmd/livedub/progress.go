package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// progress shows how far long work has come: a bar on a terminal, else a line
// every tenth of the way.
type progress struct {
	w     io.Writer
	total time.Duration // 0 for unknown
	done  func() time.Duration
	bar   bool
	began time.Time

	quit chan struct{}
	wg   sync.WaitGroup
	last int // tenths already told
}

func startProgress(w io.Writer, total time.Duration, done func() time.Duration) *progress {
	p := &progress{w: w, total: total, done: done, bar: isTerminal(w), began: time.Now(), quit: make(chan struct{})}
	p.wg.Go(func() {
		showing(p.quit, func() { p.show(min(max(0, p.done()), max(p.total, 0))) })
	})
	return p
}

// showing shows progress again and again, until quit is closed.
func showing(quit <-chan struct{}, show func()) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
			show()
		}
	}
}

func (p *progress) show(at time.Duration) {
	if p.total <= 0 {
		return
	}
	part := float64(at) / float64(p.total)
	speed := at.Seconds() / time.Since(p.began).Seconds()
	if p.bar {
		fmt.Fprintf(p.w, "\r%s  %s of %s, %.1fx ", bar(part), at.Round(100*time.Millisecond), p.total.Round(100*time.Millisecond), speed)
		return
	}
	if tenth := int(part * 10); tenth > p.last {
		p.last = tenth
		fmt.Fprintf(p.w, "dubbed %s of %s (%d%%), %.1f times real time\n",
			at.Round(100*time.Millisecond), p.total.Round(100*time.Millisecond), tenth*10, speed)
	}
}

// bar draws a part of 1, in 35 columns.
func bar(part float64) string {
	n := int(part * 30)
	return fmt.Sprintf("%s%s %3.0f%%", strings.Repeat("█", n), strings.Repeat("░", 30-n), part*100)
}

// stop ends the display; complete tells that all work was done.
func (p *progress) stop(complete bool) {
	close(p.quit)
	p.wg.Wait()
	if complete {
		p.show(p.total)
	}
	if p.bar && p.total > 0 {
		fmt.Fprintln(p.w)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
}
