package whisper

import (
	"math"
	"slices"
	"time"
)

const (
	frame     = 20 * time.Millisecond // of the encoder
	smoothing = 7                     // frames of the median filter
)

// time gives the words their times. Attention follows the sound while text is
// made: the path of the tokens through the frames that collects the most of it
// tells where each was said. Of the rows, the first task belong to the start
// and the tokens that ask for the text, but for the last of them, which makes
// the first token; then come those of the prefix.
func (d *decoding) time(words []Word, task, prefix int, pcm []float32) {
	if len(words) == 0 {
		return
	}
	end := time.Duration(len(pcm)) * time.Second / rate
	frames := min(d.t, (len(pcm)+hop*2-1)/(hop*2))
	cost := d.costs(task, frames)
	starts := append(path(cost), frames)
	at := func(row int) time.Duration { // when the token that a row makes begins
		return min(end, time.Duration(starts[min(row, len(starts)-1)])*frame)
	}
	cuts := []time.Duration{at(prefix)} // where each word begins, and the last ends
	row := prefix
	for _, w := range words {
		row += len(w.Tokens)
		cuts = append(cuts, max(cuts[len(cuts)-1], at(row)))
	}
	loud := loudness(pcm)
	from := cuts[0]
	for i := range words {
		var to time.Duration
		from, to = loud.within(from, cuts[i+1])
		next := to
		if i+1 < len(words) {
			_, last := loud.within(cuts[i+1], cuts[i+2])
			if a, b, ok := loud.pause(max(from+least, cuts[i+1]-near), min(last, cuts[i+1]+near)); ok {
				to, next = max(from, a), b
			}
		}
		words[i].Start, words[i].End = from, to
		from = max(next, to)
	}
}

// costs returns, for each row from first on and each frame, how little of the
// attention lies there: per head relative to the other rows, smoothed along
// the sound, averaged over heads.
func (d *decoding) costs(first, frames int) [][]float64 {
	heads := len(d.m.info.AlignmentHeads)
	cost := make([][]float64, len(d.rows)-first)
	for i := range cost {
		cost[i] = make([]float64, frames)
	}
	line := make([]float64, frames)
	for h := range heads {
		mean, spread := make([]float64, frames), make([]float64, frames)
		for f := range frames {
			for _, r := range d.rows {
				v := float64(r[h*d.t+f])
				mean[f] += v
				spread[f] += v * v
			}
			n := float64(len(d.rows))
			mean[f] /= n
			spread[f] = math.Sqrt(max(0, spread[f]/n-mean[f]*mean[f])) + 1e-9
		}
		for i, out := range cost {
			r := d.rows[first+i][h*d.t:]
			for f := range line {
				line[f] = (float64(r[f]) - mean[f]) / spread[f]
			}
			for f, v := range median(line) {
				out[f] -= v / float64(heads)
			}
		}
	}
	return cost
}

// median smooths a line, mirrored at its ends.
func median(line []float64) []float64 {
	out := make([]float64, len(line))
	near := make([]float64, smoothing)
	for i := range line {
		for k := range near {
			j := i + k - smoothing/2
			if j < 0 {
				j = -j
			}
			if j >= len(line) {
				j = 2*(len(line)-1) - j
			}
			near[k] = line[max(0, min(j, len(line)-1))]
		}
		slices.Sort(near)
		out[i] = near[smoothing/2]
	}
	return out
}

// path returns the first frame of each row on the cheapest way from the first
// row and frame to the last, by dynamic time warping.
func path(cost [][]float64) []int {
	rows, frames := len(cost), len(cost[0])
	const diagonal, down, along = 0, 1, 2
	sum := make([]float64, frames+1) // of the row before, from frame -1 on
	for f := range sum {
		sum[f] = math.Inf(1)
	}
	sum[0] = 0
	moves := make([]uint8, rows*frames)
	for r, line := range cost {
		next := make([]float64, frames+1)
		next[0] = math.Inf(1)
		for f, c := range line {
			move, least := uint8(along), next[f]
			if sum[f] < sum[f+1] && sum[f] < least {
				move, least = diagonal, sum[f]
			} else if sum[f+1] < sum[f] && sum[f+1] < least {
				move, least = down, sum[f+1]
			}
			next[f+1] = least + c
			moves[r*frames+f] = move
		}
		sum = next
	}
	first := make([]int, rows)
	for r, f := rows-1, frames-1; r >= 0; {
		first[r] = f
		move := moves[r*frames+f]
		if f == 0 || move == down {
			r--
			continue
		}
		if r == 0 || move == along {
			f--
			continue
		}
		r, f = r-1, f-1
	}
	return first
}

// levels are how loud each 10 ms of a sound are, in dB.
type levels []float64

const (
	quiet = 35. // dB below the loudest: what is not part of a word
	least = 40 * time.Millisecond
	step  = 10 * time.Millisecond // of levels

	// Attention passes from one word to the next up to so long before or after
	// a pause between them. Shorter ones lie within words, before a plosive.
	near       = 600 * time.Millisecond
	shortPause = 100 * time.Millisecond
)

func loudness(pcm []float32) levels {
	l := make(levels, 0, len(pcm)/hop+1)
	for at := 0; at < len(pcm); at += hop {
		sum := 1e-10
		part := pcm[at:min(at+hop, len(pcm))]
		for _, v := range part {
			sum += float64(v) * float64(v)
		}
		l = append(l, 10*math.Log10(sum/float64(len(part))))
	}
	return l
}

// pause returns the longest time between from and to that nothing is loud in,
// whole where it began before.
func (l levels) pause(from, to time.Duration) (start, end time.Duration, ok bool) {
	floor := slices.Max(l) - quiet
	a, b, run := 0, 0, 0
	for i := int(from / step); i < min(int(to/step), len(l)); i++ {
		if l[i] >= floor {
			run = 0
			continue
		}
		if run++; run > b-a {
			a, b = i+1-run, i+1
		}
	}
	for a > 0 && a < b && l[a-1] < floor { // it may have begun before
		a--
	}
	start, end = time.Duration(a)*step, time.Duration(b)*step
	return start, end, end-start >= shortPause
}

// within takes the silence at both ends from a word.
func (l levels) within(from, to time.Duration) (time.Duration, time.Duration) {
	floor := slices.Max(l) - quiet
	a, b := int(from/step), min(int((to+step-1)/step), len(l))
	for a < b && l[a] < floor {
		a++
	}
	for b > a && l[b-1] < floor {
		b--
	}
	if a == b || time.Duration(b-a)*step < least { // nothing is loud in it
		return from, to
	}
	return max(from, time.Duration(a)*step), min(to, time.Duration(b)*step)
}
