package clock

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// scene is a simulated sender: what was captured when, and how it came here.
type scene struct {
	seconds    int
	ppm        float64       // how much faster the sender's clock runs
	jitter     time.Duration // of each packet's delay, 0..jitter
	audioDelay time.Duration // least delay from capture to arrival
	videoDelay time.Duration
	start      uint32        // first timestamps
	reportAt   time.Duration // first sender reports
	noNTP      bool          // reports carry NTP 0
	at         time.Duration // when something happens:
	jump       time.Duration // the media clock jumps by this
	step       time.Duration // the sender's wall clock is set by this
	held       time.Duration // every third report is written that much after its packet
	blackout   time.Duration // nothing comes for so long, then all at once
	slower     time.Duration // frames' delay changes by this, for good,
	slowed     time.Duration // and sound's by this
}

// stamp is one packet as mapped.
type stamp struct {
	captured, arrived, pts time.Duration
	jumped                 bool
}

// run plays the scene: frames at 90 kHz, 30 a second, sound at 48 kHz, 50 a second.
func (s scene) run(t *testing.T) (audio, video []stamp) {
	t.Helper()
	base := NewTimebase()
	type event struct {
		at, captured time.Duration
		track        int // 0 sound, 1 frames
		ts           uint32
		ntp          uint64
		report       bool
	}
	noise := rand.New(rand.NewPCG(5, 6))
	var events []event
	rates, spacing := []float64{48000, 90000}, []time.Duration{20 * time.Millisecond, time.Second / 30}
	tracks := []*TrackTime{base.Track(48000), base.Track(90000)}
	media := func(captured time.Duration, rate float64) uint32 {
		m := captured.Seconds() * (1 + s.ppm/1e6)
		if s.at > 0 && captured >= s.at {
			m += s.jump.Seconds()
		}
		return s.start + uint32(int64(m*rate))
	}
	wall := func(captured time.Duration) uint64 {
		if s.noNTP {
			return 0
		}
		w := time.Duration(float64(captured)*(1+s.ppm/1e6)) + 3_900_000_000*time.Second
		if s.at > 0 && captured >= s.at {
			w += s.step
		}
		return ToNTP(w)
	}
	for k, delay := range []time.Duration{s.audioDelay, s.videoDelay} {
		var last time.Duration
		for c := 7 * time.Second; c < time.Duration(7+s.seconds)*time.Second; c += spacing[k] {
			at := c + delay + time.Duration(noise.Int64N(int64(s.jitter)+1))
			if s.at > 0 && c >= s.at {
				at += []time.Duration{s.slowed, s.slower}[k]
			}
			if s.blackout > 0 && at >= s.at && at < s.at+s.blackout {
				at = s.at + s.blackout
			}
			at = max(at, last+1) // a path keeps the order
			last = at
			events = append(events, event{at: at, captured: c, track: k, ts: media(c, rates[k])})
		}
		n := 0
		for c := 7*time.Second + s.reportAt; s.reportAt > 0 && c < time.Duration(7+s.seconds)*time.Second; c += time.Second + time.Duration(k)*130*time.Millisecond {
			late := time.Duration(0)
			if n%3 == k {
				late = s.held
			}
			n++
			events = append(events, event{at: c + delay + late, track: k, ts: media(c, rates[k]), ntp: wall(c + late), report: true})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range events {
		if e.report {
			tracks[e.track].Report(e.ntp, e.ts)
			continue
		}
		pts, jumped := tracks[e.track].Map(e.ts, e.at, true)
		p := stamp{e.captured, e.at, pts, jumped}
		if e.track == 0 {
			audio = append(audio, p)
		} else {
			video = append(video, p)
		}
	}
	for _, list := range [][]stamp{audio, video} {
		for i := 1; i < len(list); i++ {
			if list[i].pts <= list[i-1].pts {
				t.Errorf("time stood still or ran back: %v after %v at %v", list[i].pts, list[i-1].pts, list[i].arrived)
				break
			}
		}
	}
	return audio, video
}

// apart returns the least and greatest of pts - captured from time on.
func apart(list []stamp, from time.Duration) (least, most time.Duration) {
	least, most = 1<<62, -1<<62
	for _, s := range list {
		if s.captured >= from {
			least, most = min(least, s.pts-s.captured), max(most, s.pts-s.captured)
		}
	}
	return least, most
}

func jumps(lists ...[]stamp) (n int) {
	for _, l := range lists {
		for _, s := range l {
			if s.jumped {
				n++
			}
		}
	}
	return n
}

const ms = time.Millisecond

func TestTimebaseScenes(t *testing.T) {
	for _, c := range []struct {
		name   string
		scene  scene
		from   time.Duration // judged from here on
		offset time.Duration // of sound's PTS from its capture, and frames' where aligned
		within time.Duration
		skew   time.Duration // greatest distance of frames' offset from sound's
		jumps  int
	}{
		{"plain", scene{seconds: 10, audioDelay: 20 * ms, videoDelay: 20 * ms, reportAt: 500 * ms}, 7 * time.Second, 20 * ms, ms, ms, 0},
		{"frames later than sound, reports align them", scene{seconds: 30, audioDelay: 20 * ms, videoDelay: 80 * ms, reportAt: 500 * ms}, 22 * time.Second, 20 * ms, ms, ms, 0},
		{"sound later than frames", scene{seconds: 30, audioDelay: 70 * ms, videoDelay: 20 * ms, reportAt: 500 * ms}, 22 * time.Second, 20 * ms, ms, ms, 0},
		{"frames 600 ms later than sound", scene{seconds: 180, audioDelay: 20 * ms, videoDelay: 620 * ms, reportAt: 500 * ms}, 140 * time.Second, 20 * ms, ms, ms, 0},
		{"frames 1.5 s later than sound, and jitter", scene{seconds: 400, audioDelay: 20 * ms, videoDelay: 1520 * ms, jitter: 60 * ms, reportAt: 500 * ms}, 330 * time.Second, 20 * ms, 8 * ms, 8 * ms, 0},
		{"sound 700 ms later than frames", scene{seconds: 200, audioDelay: 720 * ms, videoDelay: 20 * ms, reportAt: 500 * ms}, 160 * time.Second, 20 * ms, ms, ms, 0},
		{"media clock jumps while a lag is on its way", scene{seconds: 200, at: 60 * time.Second, jump: 900 * ms, audioDelay: 20 * ms, videoDelay: 720 * ms, reportAt: 500 * ms}, 160 * time.Second, 20 * ms, 2 * ms, 2 * ms, 2},
		{"and back", scene{seconds: 200, at: 60 * time.Second, jump: -900 * ms, audioDelay: 20 * ms, videoDelay: 720 * ms, reportAt: 500 * ms}, 160 * time.Second, 20 * ms, 2 * ms, 2 * ms, 2},
		{"media clock jumps with a great lag", scene{seconds: 200, at: 170 * time.Second, jump: 900 * ms, audioDelay: 20 * ms, videoDelay: 720 * ms, reportAt: 500 * ms}, 160 * time.Second, 20 * ms, 2 * ms, 2 * ms, 2},
		{"a clock too fast to follow", scene{seconds: 120, ppm: 20000, audioDelay: 20 * ms, videoDelay: 620 * ms, reportAt: 500 * ms}, 20 * time.Second, 270 * ms, 300 * ms, 1200 * ms, -1},
		{"frames slow down by 400 ms", scene{seconds: 200, at: 20 * time.Second, slower: 400 * ms, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 34 * time.Second, 20 * ms, 2 * ms, 2 * ms, 0},
		{"frames slow down by 700 ms", scene{seconds: 200, at: 20 * time.Second, slower: 700 * ms, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 34 * time.Second, 20 * ms, 2 * ms, 2 * ms, 0},
		{"all slow down by 700 ms", scene{seconds: 60, at: 20 * time.Second, slower: 700 * ms, slowed: 700 * ms, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 34 * time.Second, 720 * ms, 2 * ms, 2 * ms, 2},
		{"sound slows down as far as frames", scene{seconds: 200, at: 170 * time.Second, slowed: 700 * ms, audioDelay: 20 * ms, videoDelay: 720 * ms, reportAt: 500 * ms}, 182 * time.Second, 720 * ms, 2 * ms, 2 * ms, 2},
		{"frames get faster by 700 ms", scene{seconds: 200, at: 170 * time.Second, slower: -700 * ms, audioDelay: 20 * ms, videoDelay: 760 * ms, reportAt: 500 * ms}, 164 * time.Second, 20 * ms, 2 * ms, 2 * ms, 0},
		{"no reports: each by its arrival", scene{seconds: 10, audioDelay: 20 * ms, videoDelay: 50 * ms}, 7 * time.Second, 20 * ms, ms, 31 * ms, 0},
		{"reports without NTP", scene{seconds: 10, audioDelay: 20 * ms, videoDelay: 50 * ms, reportAt: time.Second, noNTP: true}, 7 * time.Second, 20 * ms, ms, 31 * ms, 0},
		{"reports late", scene{seconds: 40, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 15 * time.Second}, 34 * time.Second, 20 * ms, ms, ms, 0},
		{"jitter", scene{seconds: 30, audioDelay: 20 * ms, videoDelay: 30 * ms, jitter: 60 * ms, reportAt: 500 * ms}, 15 * time.Second, 20 * ms, 8 * ms, 8 * ms, 0},
		{"reports held up", scene{seconds: 40, held: 300 * ms, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 27 * time.Second, 20 * ms, 2 * ms, 2 * ms, 0},
		{"fast clock", scene{seconds: 120, ppm: 100, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 22 * time.Second, 20 * ms, 2 * ms, ms, 0},
		{"slow clock", scene{seconds: 120, ppm: -100, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 22 * time.Second, 20 * ms, 2 * ms, ms, 0},
		{"wrap", scene{seconds: 60, start: 0xffffffff - 48000*12, audioDelay: 20 * ms, videoDelay: 20 * ms, reportAt: 500 * ms}, 7 * time.Second, 20 * ms, ms, ms, 0},
		{"media clock jumps on", scene{seconds: 30, at: 15 * time.Second, jump: 40 * time.Minute, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 24 * time.Second, 20 * ms, 2 * ms, 2 * ms, 2},
		{"media clock jumps back", scene{seconds: 30, at: 15 * time.Second, jump: -40 * time.Minute, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 24 * time.Second, 20 * ms, 2 * ms, 2 * ms, 2},
		{"media clock jumps by 900 ms", scene{seconds: 30, at: 15 * time.Second, jump: 900 * ms, audioDelay: 20 * ms, videoDelay: 20 * ms, reportAt: 500 * ms}, 15 * time.Second, 20 * ms, 2 * ms, 2 * ms, 2},
		{"wall clock set", scene{seconds: 40, at: 15 * time.Second, step: -time.Hour, audioDelay: 20 * ms, videoDelay: 60 * ms, reportAt: 500 * ms}, 22 * time.Second, 20 * ms, 2 * ms, 2 * ms, 0},
		{"blackout of 2 s", scene{seconds: 30, at: 20 * time.Second, blackout: 2 * time.Second, audioDelay: 20 * ms, videoDelay: 40 * ms, reportAt: 500 * ms}, 15 * time.Second, 20 * ms, 2 * ms, 2 * ms, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			audio, video := c.scene.run(t)
			least, most := apart(audio, c.from)
			if least < c.offset-c.within || most > c.offset+c.within {
				t.Errorf("sound stands %v..%v after its capture, want %v", least, most, c.offset)
			}
			vl, vm := apart(video, c.from)
			if vl-most < -c.skew || vm-least > c.skew {
				t.Errorf("frames stand %v..%v after their capture, sound %v..%v", vl, vm, least, most)
			}
			if n := jumps(audio, video); n != c.jumps && c.jumps >= 0 {
				t.Errorf("%d jumps, want %d", n, c.jumps)
			}
		})
	}
}

// TestTimebaseKeepsLipsInStep has the sender's media clock jump by less than
// counts as a jump: what was captured together stands together all the while.
func TestTimebaseKeepsLipsInStep(t *testing.T) {
	for _, jump := range []time.Duration{300 * ms, 499 * ms} {
		audio, video := scene{seconds: 150, at: 15 * time.Second, jump: jump, audioDelay: 20 * ms, videoDelay: 20 * ms, reportAt: 500 * ms}.run(t)
		worst, i := time.Duration(0), 0
		for _, p := range video {
			for i+1 < len(audio) && audio[i+1].captured <= p.captured {
				i++
			}
			worst = max(worst, ((p.pts - p.captured) - (audio[i].pts - audio[i].captured)).Abs())
		}
		if least, most := apart(audio, 145*time.Second); worst > ms || least < 19*ms || most > 21*ms || jumps(audio, video) != 0 {
			t.Errorf("a jump of %v: audio and video are apart by %v, and stand %v..%v after their capture at the end", jump, worst, least, most)
		}
	}
}

// TestTimebaseSlewsSlowly holds corrections after the first second to 5 ms/s.
func TestTimebaseSlewsSlowly(t *testing.T) {
	_, video := scene{seconds: 30, audioDelay: 20 * ms, videoDelay: 120 * ms, jitter: 40 * ms, reportAt: 3 * time.Second}.run(t)
	moved := time.Duration(0)
	for i := 1; i < len(video); i++ {
		if video[i].captured < 9*time.Second {
			continue
		}
		d := (video[i].pts - video[i-1].pts) - (video[i].captured - video[i-1].captured)
		passed := video[i].arrived - video[i-1].arrived
		if limit := time.Duration(float64(passed)*.005) + 15*time.Microsecond; d > limit || d < -limit {
			t.Fatalf("corrected by %v in %v", d, passed)
		}
		moved += d
	}
	if moved > -80*ms {
		t.Errorf("frames were moved by %v in all, want about -100 ms", moved)
	}
}

// TestTimebaseFindsTheLeastDelaySoon begins with packets that were held up.
func TestTimebaseFindsTheLeastDelaySoon(t *testing.T) {
	b := NewTimebase()
	tr := b.Track(90000)
	last := time.Duration(-1)
	for i := range 60 {
		captured := time.Duration(i) * time.Second / 30
		at := captured + 20*ms
		if i < 5 {
			at = max(at, 220*ms+time.Duration(i)) // the first came in a burst, 200 ms late
		}
		pts, _ := tr.Map(uint32(int64(captured)*9/100000), at, true)
		if pts <= last {
			t.Fatalf("frame %d: %v after %v", i, pts, last)
		}
		last = pts
		if off := pts - captured - 20*ms; i >= 20 && (off > ms || off < -ms) {
			t.Fatalf("frame %d is still %v off", i, off)
		}
	}
}

// TestTimebaseDropsATrack: one that never starts must not keep the others apart.
func TestTimebaseDropsATrack(t *testing.T) {
	b := NewTimebase()
	audio, video, second := b.Track(48000), b.Track(90000), b.Track(90000)
	for _, x := range []*TrackTime{audio, video} {
		x.Map(0, time.Second, true)
		x.Report(1<<32, 0)
	}
	if b.Aligned() {
		t.Error("aligned without the third track")
	}
	b.Drop(second)
	if !b.Aligned() {
		t.Error("a dropped track still counts")
	}
}

func TestTimebaseIgnoresForeignReports(t *testing.T) {
	b := NewTimebase()
	a, v := b.Track(48000), b.Track(90000)
	a.Report(ToNTP(1000*time.Second), 0) // before the first packet
	for i := range 100 {
		at := time.Duration(i) * 20 * ms
		a.Map(uint32(i*960), at, true)
		v.Map(uint32(i*1800), at, true)
	}
	v.Report(ToNTP(5000*time.Second), 0) // another clock altogether
	if b.Aligned() {
		t.Error("reports of two clocks were taken for one")
	}
	v.Report(ToNTP(1000*time.Second), 0)
	if b.Aligned() {
		t.Error("after a change of the sender's clock, old reports were taken")
	}
	a.Report(ToNTP(1000*time.Second), 0)
	if !b.Aligned() {
		t.Error("good reports were not taken")
	}
}

func FuzzTimebase(f *testing.F) {
	f.Add(uint32(0), int64(0), uint32(90000), int64(1e9), uint64(1)<<63)
	f.Add(uint32(1<<31), int64(5), uint32(0), int64(-5), uint64(1))
	f.Fuzz(func(t *testing.T, ts1 uint32, at1 int64, ts2 uint32, at2 int64, ntp uint64) {
		b := NewTimebase()
		a, v := b.Track(48000), b.Track(90000)
		for i, at := range []int64{at1, at2} {
			d := time.Duration(at % int64(1000*time.Hour))
			a.Map([]uint32{ts1, ts2}[i], d, true)
			v.Report(ntp, ts1)
			v.Map([]uint32{ts2, ts1}[i], d, i == 0)
			a.Report(ntp, ts2)
		}
	})
}

func ExampleTimebase() {
	b := NewTimebase()
	audio, video := b.Track(48000), b.Track(90000)
	for i := range 200 {
		at := 10*time.Second + time.Duration(i)*20*ms
		audio.Map(uint32(i*960), at, true)
		video.Map(uint32(i*1800), at+10*ms, true)
	}
	audio.Report(ToNTP(time.Hour), 0)
	video.Report(ToNTP(time.Hour), 0)
	_, lag, _ := video.Figures()
	fmt.Println(b.Aligned(), lag)
	// Output: true -10ms
}
