package recordbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
	"livedub/media"
	"livedub/media/file"
	"livedub/recording"
)

const (
	killWidth, killHeight = 320, 180
	callDelay             = 2 * time.Second // D
	soonest, latest       = 5 * time.Second, 30 * time.Second
	callStarts            = 30 * time.Second // bounds how long a call takes to be heard
	repairTime            = time.Minute      // bounds what comes after a kill
	look                  = 3 * time.Second  // how often the session is asked what was played
)

// Kill is what is left of a recorded call when its server was killed.
type Kill struct {
	RecordedS   float64 `json:"recorded_s"` // that had left the dub when it was killed
	PlayableS   float64 `json:"playable_s"` // that can be played afterwards, with sound and frames
	Phrases     int     `json:"phrases"`    // that the session had told were played, and that sounded
	PhrasesLost int     `json:"phrases_lost"`
	Way         string  `json:"way"` // how it was closed: "repair" by the command, or "restart"
}

// Kills kills real servers, each under one recorded call, at random moments, and reads
// what is left when the recording was closed. bin is the folder with livedub.
func Kills(ctx context.Context, bin string, n int, progress func(string)) ([]Kill, error) {
	out := []Kill{}
	if n == 0 {
		return out, nil
	}
	if _, err := os.Stat(filepath.Join(bin, "livedub")); err != nil {
		return out, fmt.Errorf("%w: run make build", err)
	}
	m, err := caller.Tones(killWidth, killHeight)
	if err != nil {
		return out, err
	}
	peers, err := caller.NewPeers()
	if err != nil {
		return out, err
	}
	for i := range n {
		v := victim{bin: bin, material: m, peers: peers, way: "repair"}
		if i%2 == 1 {
			v.way = "restart"
		}
		after := soonest + rand.N(latest-soonest)
		progress(fmt.Sprintf("kill %d of %d after %.1f s, then %s", i+1, n, after.Seconds(), v.way))
		k, err := v.kill(ctx, after)
		if err != nil {
			return out, fmt.Errorf("kill %d: %w", i+1, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// victim is a server with one call.
type victim struct {
	bin      string
	material *caller.Material
	peers    caller.Peers
	way      string

	dir    string
	server *clusterrig.Process
}

// kill records a call, kills the server after so long of it, and looks at what is left.
func (v *victim) kill(ctx context.Context, after time.Duration) (k Kill, err error) {
	if v.dir, err = os.MkdirTemp("", "livedub-kill-"); err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(v.dir)) }()
	addr, err := freeAddr()
	if err != nil {
		return k, err
	}
	v.server = clusterrig.NewProcess("livedub", addr, filepath.Join(v.bin, "livedub"), v.args("serve", "--store", "files", "--record", "dubs", "--listen", addr, "--media-port", "0",
		"--limits-requests", "0", "--limits-connections", "0", "--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake", "--lips-engine", "off"),
		[]string{"XDG_STATE_HOME=" + v.dir})
	if err := v.server.Start(); err != nil {
		return k, err
	}
	defer v.server.Kill()
	k.Way = v.way
	played, err := v.call(ctx, after, &k)
	if err != nil {
		return k, fmt.Errorf("%w: %s", err, v.server.Printed())
	}
	if err := v.close(ctx); err != nil {
		return k, err
	}
	return k, v.left(ctx, played, &k)
}

func (v *victim) args(command ...string) []string {
	return append(command, "--store-dir", filepath.Join(v.dir, "store"))
}

// call has somebody speak until the server is killed, and returns the phrases that it
// had told were played.
func (v *victim) call(ctx context.Context, after time.Duration, k *Kill) (played map[int]bool, err error) {
	client := caller.NewClient("http://"+v.server.Addr, "", 2)
	defer client.Close()
	delay := int(callDelay.Milliseconds())
	made, err := client.Create(ctx, caller.Wanted{From: "en", To: []string{"es"}, DelayMS: &delay, Consent: true})
	if err != nil {
		return nil, err
	}
	var fence caller.Fence
	speaker := caller.NewSpeaker(v.material, client, v.peers, caller.Target{Address: made.WHIP, Session: made.ID, Fence: &fence}, func(caller.Event) {})
	ctx, stop := context.WithCancel(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		speaker.Run(ctx)
	}()
	defer func() {
		stop()
		<-gone
	}()
	began, ok := speaker.Start()
	for end := time.Now().Add(callStarts); !ok && ctx.Err() == nil; began, ok = speaker.Start() {
		if time.Now().After(end) {
			return nil, errors.New("nobody can speak")
		}
		time.Sleep(10 * time.Millisecond)
	}
	heard := began.Add(callDelay)
	played = map[int]bool{}
	for err == nil && time.Until(heard.Add(after)) > 0 {
		select {
		case <-time.After(min(look, time.Until(heard.Add(after)))):
			err = told(ctx, client, made, &fence, played)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	v.server.Kill()
	k.RecordedS = time.Since(heard).Seconds()
	k.Phrases = len(played)
	return played, err
}

// told adds the phrases that a session tells were played, as far as they have begun to
// sound. It remembers the last ones only.
func told(ctx context.Context, client *caller.Client, made caller.Made, fence *caller.Fence, played map[int]bool) error {
	state, err := client.Look(ctx, made.Control, fence)
	for _, r := range state.Dubs["es"].Phrases {
		if r.Fate == "played" && r.DubStart != nil && state.Now != nil && *r.DubStart+callDelay.Seconds() <= *state.Now {
			played[r.ID] = true
		}
	}
	return err
}

// close has the recording closed.
func (v *victim) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, repairTime)
	defer cancel()
	if v.way == "repair" {
		repair := exec.CommandContext(ctx, filepath.Join(v.bin, "livedub"), v.args("recordings", "repair")...)
		repair.Env = append(os.Environ(), "XDG_STATE_HOME="+v.dir)
		if out, err := repair.CombinedOutput(); err != nil {
			return fmt.Errorf("livedub recordings repair: %w: %s", err, out)
		}
		return nil
	}
	if err := v.server.Start(); err != nil {
		return err
	}
	for !v.closed() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the server that was started again does not close the recording in %v: %s", repairTime, v.server.Printed())
		}
	}
	if err := v.server.Leave(); err != nil {
		return err
	}
	return v.server.Wait(repairTime)
}

// film returns the one file of the recording, and whether there is one.
func (v *victim) film() (path string, ok bool) {
	found, _ := filepath.Glob(filepath.Join(v.dir, "store", filepath.FromSlash(recording.Dir("*")), "es", "es.mp4")) // the pattern is whole
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

// closed tells whether the recording has its file and its transcript.
func (v *victim) closed() bool {
	path, ok := v.film()
	if !ok {
		return false
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(path), "transcript.json"))
	return err == nil
}

// left reads what there is of the recording.
func (v *victim) left(ctx context.Context, played map[int]bool, k *Kill) error {
	path, ok := v.film()
	if !ok {
		return errors.New("the recording has no file")
	}
	var err error
	if k.PlayableS, err = playable(ctx, path); err != nil {
		return err
	}
	var t recording.Transcript
	b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "transcript.json"))
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil {
		return fmt.Errorf("the transcript: %w", err)
	}
	for _, p := range t.Phrases {
		if p.Outcome == "played" {
			delete(played, p.ID)
		}
	}
	k.PhrasesLost = len(played)
	return nil
}

// playable returns how long a file has both frames and sound.
func playable(ctx context.Context, path string) (float64, error) {
	f, err := file.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var ends [media.Video + 1]time.Duration
	for {
		p, err := f.Read(ctx)
		if errors.Is(err, io.EOF) {
			return min(ends[media.Video], ends[media.Audio]).Seconds(), nil
		}
		if err != nil {
			return 0, err
		}
		ends[p.Kind] = max(ends[p.Kind], p.PTS+p.Duration)
	}
}

// freeAddr returns an address of this machine that can be listened on, and again.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
