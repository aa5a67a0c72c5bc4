package main

import (
	"fmt"
	"io"
	"sync"

	"livedub/internal/models"
)

// modelProgress shows how far a download has come: a bar on a terminal, else a
// line every tenth of the way.
type modelProgress struct {
	w    io.Writer
	name string
	at   *models.Progress
	bar  bool
	quit chan struct{}
	wg   sync.WaitGroup

	mu   sync.Mutex
	last int64 // tenths already told
	bare bool  // the cursor is on a line of its own
}

// columns are those that any terminal has: a longer line would not be written over.
const columns = 79

func startModelProgress(w io.Writer, name string, at *models.Progress) *modelProgress {
	p := &modelProgress{w: w, name: name, at: at, bar: isTerminal(w), quit: make(chan struct{}), bare: true}
	p.wg.Go(func() { showing(p.quit, p.show) })
	return p
}

func (p *modelProgress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	what, done, total := p.at.Read()
	if total == 0 || what == "" {
		return
	}
	if p.bar {
		line := []rune(fmt.Sprintf("%s %s  %s of %s, %s", p.name, bar(float64(done)/float64(total)), megabytes(done), megabytes(total), what))
		fmt.Fprint(p.w, "\r\x1b[K"+string(line[:min(len(line), columns)]))
		p.bare = false
		return
	}
	if tenth := done * 10 / total; tenth > p.last {
		p.last = tenth
		fmt.Fprintf(p.w, "%s: %d%%, %s of %s\n", p.name, tenth*10, megabytes(done), megabytes(total))
	}
}

// say writes a line above the bar.
func (p *modelProgress) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bare {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Fprintln(p.w, line)
	p.bare = true
}

// stop shows the end and ends the display.
func (p *modelProgress) stop() {
	close(p.quit)
	p.wg.Wait()
	p.show()
	if !p.bare {
		fmt.Fprintln(p.w)
	}
}
