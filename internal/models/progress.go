package models

import (
	"sync/atomic"
	"time"
)

// Progress tells how far a Pull has come, to whoever asks. It is safe for concurrent use.
type Progress struct {
	total, done, now atomic.Int64
	what             atomic.Pointer[string]
}

// Read returns what is being fetched, and bytes of all that the model's parts have.
func (p *Progress) Read() (what string, done, total int64) {
	if w := p.what.Load(); w != nil {
		what = *w
	}
	total = p.total.Load()
	return what, min(p.done.Load()+p.now.Load(), total), total
}

// begin names what is fetched next.
func (p *Progress) begin(what string) {
	p.what.Store(&what)
	p.now.Store(0)
}

// add counts bytes that are there to stay.
func (p *Progress) add(n int64) {
	p.done.Add(n)
	p.now.Store(0)
}

// timing is how patient a pull is.
type timing struct {
	tries      int           // of a request, without any progress between
	wait       time.Duration // before the second try; it doubles
	longest    time.Duration // wait, whatever a server asks for
	stall      time.Duration // without trickle bytes ends a request
	client     time.Duration // without a byte ends a registry's client
	poll       time.Duration // of locks and of clients' folders
	headerWait time.Duration // for an answer's first line
}

var patient = timing{
	tries: 5, wait: time.Second, longest: 30 * time.Second, stall: 30 * time.Second,
	client: 5 * time.Minute, poll: 200 * time.Millisecond, headerWait: 30 * time.Second,
}

const (
	trickle  = 4 << 10  // bytes in a stall's time that keep a request alive
	progress = 64 << 10 // bytes in one try that make its failure not count
)
