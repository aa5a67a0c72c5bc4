package dub

import (
	"slices"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/timeline"
)

// paused is why the original sounds in a dub that is paused.
const paused = "paused"

// Controls returns how listeners have the dub.
func (d *Dub) Controls() spec.Controls {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.is
}

// Control changes it, from the next block of sound and the next frame on; a pause from
// the next phrase on, and its end likewise.
func (d *Dub) Control(c spec.Controls) {
	now := d.env.Clock.Now()
	d.mu.Lock()
	was := d.is
	if was.Paused && !c.Paused {
		d.resumed.Store(int64(now))
	}
	d.is = c
	d.mu.Unlock()
	d.timeline.SetLevels(c.Levels())
	if c.Paused {
		d.timeline.Undo()
	}
	if was.Paused != c.Paused || was.Muted != c.Muted {
		d.climb(max(0, now-d.env.Config.Delay))
	}
}

// hears tells whether a phrase is to be dubbed, by the controls.
func (d *Dub) hears(p inference.Phrase) bool {
	return !d.Controls().Paused && p.Start >= time.Duration(d.resumed.Load()) && !d.isDumped(p)
}

// isDumped tells whether a phrase is of what was dumped.
func (d *Dub) isDumped(p inference.Phrase) bool { return p.Start < time.Duration(d.dumped.Load()) }

// Hush has nothing be heard or seen of what is put out before output time to: no sound
// at all, and black frames. Frames are black, not frozen, for where somebody is late to
// ask for it, the last frame may be the one that nobody is to see.
func (d *Dub) Hush(to time.Duration) { d.silent.Store(max(d.silent.Load(), int64(to))) }

// Unhush is Hush, and takes back a call of Hush with a later time.
func (d *Dub) Unhush(to time.Duration) { d.silent.Store(int64(to)) }

// Dump has no phrase that was begun before source time to be dubbed, or dubbed on, and
// returns the IDs of those that would have been. What has sounded whole stays.
func (d *Dub) Dump(to time.Duration) []int {
	d.dumped.Store(max(d.dumped.Load(), int64(to)))
	d.forget.Store(true)
	ids := d.timeline.Dump(to)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(w toSound) bool { return w.phrase.Start < to })
	d.records = slices.DeleteFunc(d.records, func(r spec.Record) bool {
		if !slices.Contains(ids, r.Phrase.ID) {
			return false
		}
		d.counts.outcomes[r.Outcome]--
		d.counts.outcomes[spec.Dumped]++
		return true
	})
	return ids
}

// Withdraw forgets the text of phrases that were dumped.
func (d *Dub) Withdraw(ids []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records = slices.DeleteFunc(d.records, func(r spec.Record) bool { return slices.Contains(ids, r.Phrase.ID) })
}

// hush silences what of a block that begins at output time o was dumped.
func (d *Dub) hush(o time.Duration, pcm []int16, channels int) {
	if to := time.Duration(d.silent.Load()); o < to {
		n := media.TimeToSamples(min(to-o, block), timeline.Rate) * channels
		clear(pcm[:min(n, len(pcm))])
	}
}

// blackened returns a black frame in place of f, which it releases.
func blackened(f *media.Frame) *media.Frame {
	black := media.NewFrame(f.Width, f.Height)
	black.PTS, black.Duration, black.PixelAspect, black.Color = f.PTS, f.Duration, f.PixelAspect, f.Color
	f.Release()
	fill(black.Y, 16)
	fill(black.U, 128)
	fill(black.V, 128)
	return black
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
