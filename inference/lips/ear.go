package lips

import (
	"math"
	"sync"
	"time"
)

// ear remembers how loud the source was lately. It is safe for concurrent use.
type ear struct {
	mu   sync.Mutex
	bins [earBins]float64 // dB above the hushedest that counts, by the time's number modulo their number
	at   [earBins]int64   // number of the bin's time plus 1; 0 is none
}

const (
	earStep = 40 * time.Millisecond
	earBins = 1024 // 40 s: sound is heard up to the longest delay before its frame is learned
	hushed  = -60. // dB of full scale: what is husheder is silence
)

// hear takes the level of the sound around a time.
func (e *ear) hear(at time.Duration, level float64) {
	if at < 0 || math.IsNaN(level) {
		return
	}
	n := int64(at / earStep)
	v := max(level-hushed, 0)
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := n % earBins; e.at[i] != n+1 {
		e.at[i], e.bins[i] = n+1, v
	} else {
		e.bins[i] = max(e.bins[i], v)
	}
}

// loud returns how loud it was around a time, dB above hushed; false where nothing was heard.
func (e *ear) loud(at time.Duration) (float64, bool) {
	if at < 0 {
		return 0, false
	}
	n := int64(at / earStep)
	e.mu.Lock()
	defer e.mu.Unlock()
	var most float64
	found := false
	for k := n - 1; k <= n+1; k++ {
		if i := (k + earBins) % earBins; k >= 0 && e.at[i] == k+1 {
			most, found = max(most, e.bins[i]), true
		}
	}
	return most, found
}
