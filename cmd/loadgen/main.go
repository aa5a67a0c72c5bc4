// Command loadgen puts load on a livedub server and measures what its clients
// notice: so many speakers publish, each is watched by so many viewers, over WHIP
// and WHEP or by websocket. docs/OPERATIONS.md ("Load test") tells what the figures mean.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"livedub/internal/cli"
	"livedub/internal/testkit/caller"
)

const (
	usage       = "loadgen --base URL [--sessions N] [--viewers N] [--for TIME] [flags]"
	tokenEnv    = "LIVEDUB_ADMIN_TOKEN"
	maxSessions = 1000
	maxPeers    = 5000 // of all sessions, viewers included
	maxLength   = 24 * time.Hour
)

// options are what was asked for.
type options struct {
	base     string
	token    string
	sessions int
	viewers  int
	from     string
	to       []string
	profile  string
	delayMS  int // below 0: the server's
	consent  bool
	ramp     time.Duration
	length   time.Duration
	whip, ws bool
	clip     string
	width    int
	height   int
	keep     string
	decode   int
	wait     time.Duration
	memoryMB int
	json     string
	svg      string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := cli.ExitOf("loadgen", run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr)
	stop()
	os.Exit(code)
}

// parse reads the arguments.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	fs := cli.NewFlags("loadgen")
	fs.StringVar(&o.base, "base", "http://localhost:8080", "`URL` of a gateway or a node")
	fs.IntVar(&o.sessions, "sessions", 1, fmt.Sprintf("how many speakers, up to %d; 0 only fills --keep", maxSessions))
	fs.IntVar(&o.viewers, "viewers", 1, fmt.Sprintf("how many watch each of them; all peers together up to %d", maxPeers))
	fs.DurationVar(&o.ramp, "ramp", 0, "`TIME` over which sessions start")
	fs.DurationVar(&o.length, "for", 30*time.Second, "`TIME` for which all of them run, after the ramp")
	fs.StringVar(&o.from, "from", "en", "language spoken; the drawn face speaks English")
	fs.StringSliceVar(&o.to, "to", []string{"es"}, "`LIST` of languages wanted; viewers take them in turn")
	fs.StringVar(&o.profile, "profile", "", "`NAME`: sync or live; the server's without it")
	fs.IntVar(&o.delayMS, "delay-ms", -1, "D; the profile's below 0")
	fs.BoolVar(&o.consent, "consent", true, "have mouths changed; --consent=false costs the server less")
	fs.BoolVar(&o.whip, "whip", false, "connect by WHIP and WHEP; the default")
	fs.BoolVar(&o.ws, "ws", false, "connect by websocket")
	fs.StringVar(&o.clip, "clip", "", "`FILE` with a speaker, of which 5 to 60 s are sent again and again, instead of the drawn face")
	fs.IntVar(&o.width, "width", 640, "of the drawn face; a clip is made no wider")
	fs.IntVar(&o.height, "height", 360, "of the drawn face; a clip is made no higher")
	fs.StringVar(&o.keep, "keep", "", "`FILE` for what speakers send, encoded: made if it is not there")
	fs.DurationVar(&o.wait, "wait", 0, "`TIME` for which sessions that find no place (503) try again")
	fs.IntVar(&o.decode, "decode", 4, "how many viewers decode what they get; the others take packets alone")
	fs.IntVar(&o.memoryMB, "memory", 2048, "`MB` of memory at most: with more the load ends")
	fs.StringVar(&o.json, "json", "-", "`FILE` for a line of JSON for each event and session; - is standard output, and the table goes to standard error; empty is none")
	fs.StringVar(&o.svg, "svg", "", "`FILE` for a picture of the figures over time")
	rest, err := cli.Parse(fs, usage+"\n\nPuts load on a livedub server and measures what its clients notice. A program on another\n"+
		"machine than the server's needs the operator's token to create sessions: "+tokenEnv+".\n"+
		"Exit code 1: a session failed, or the load could not be made.", args, stdout)
	if err != nil {
		return o, err
	}
	if len(rest) > 0 {
		return o, cli.Usagef("loadgen: takes no arguments, got %q: see loadgen --help", rest[0])
	}
	o.token = os.Getenv(tokenEnv)
	return o, o.check()
}

// check tells what makes no sense.
func (o *options) check() error {
	u, err := url.Parse(o.base)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return cli.Usagef("loadgen: --base %q is no http or https address", o.base)
	case o.sessions < 0 || o.sessions > maxSessions || o.sessions == 0 && o.keep == "":
		return cli.Usagef("loadgen: --sessions %d: give 1 to %d, or 0 with --keep", o.sessions, maxSessions)
	case o.viewers < 0 || o.sessions*(o.viewers+1) > maxPeers:
		return cli.Usagef("loadgen: %d sessions of %d viewers are more than %d peers, or none", o.sessions, o.viewers, maxPeers)
	case o.ramp < 0 || o.length < time.Second || o.ramp+o.length > maxLength:
		return cli.Usagef("loadgen: --for takes 1s and more, --ramp 0s and more, together up to %v", maxLength)
	case o.whip && o.ws:
		return cli.Usagef("loadgen: choose one of --whip and --ws")
	case o.profile != "" && o.profile != "sync" && o.profile != "live":
		return cli.Usagef("loadgen: --profile %q: give sync or live", o.profile)
	case len(o.to) == 0 || len(o.to) > 16 || slices.Contains(o.to, ""):
		return cli.Usagef("loadgen: --to takes 1 to 16 languages")
	case o.clip == "" && o.from != "en":
		return cli.Usagef("loadgen: the drawn face speaks en, not %q: give --clip, too", o.from)
	case o.width < 64 || o.width > 1920 || o.height < 64 || o.height > 1080 || o.width%2+o.height%2 > 0:
		return cli.Usagef("loadgen: --width takes even numbers from 64 to 1920, --height from 64 to 1080")
	case o.wait < 0:
		return cli.Usagef("loadgen: --wait takes 0s and more")
	case o.decode < 0 || o.memoryMB < 64:
		return cli.Usagef("loadgen: --decode takes 0 and more, --memory 64 and more")
	}
	return nil
}

func (o options) transport() string {
	if o.ws {
		return "ws"
	}
	return "whip"
}

// delay returns D, nil for the profile's.
func (o options) delay() *int {
	if o.delayMS < 0 {
		return nil
	}
	return &o.delayMS
}

// run puts the load on and reports.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	lines, table, closing, err := outputs(o.json, stdout, stderr)
	if err != nil {
		return err
	}
	r, err := loaded(ctx, o, lines, stderr)
	if r != nil {
		err = errors.Join(err, r.table(table))
		if o.svg != "" {
			err = errors.Join(err, os.WriteFile(o.svg, r.svg(), 0o644))
		}
		if err == nil && r.End.Failed > 0 {
			err = fmt.Errorf("%d of %d sessions failed: %s", r.End.Failed, r.End.Started, r.End.FirstFail)
		}
	}
	return errors.Join(err, closing())
}

// outputs opens where lines and table go. lines is nil for none.
func outputs(path string, stdout, stderr io.Writer) (lines, table io.Writer, closing func() error, err error) {
	nothing := func() error { return nil }
	switch path {
	case "":
		return nil, stdout, nothing, nil
	case "-":
		return stdout, stderr, nothing, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, nil, err
	}
	return f, stdout, f.Close, nil
}

// loaded makes what is sent and puts the load on.
func loaded(ctx context.Context, o options, lines, stderr io.Writer) (*report, error) {
	fmt.Fprintln(stderr, "loadgen: preparing what speakers send")
	m, err := caller.Prepare(ctx, caller.Making{Width: o.width, Height: o.height, Clip: o.clip, Keep: o.keep})
	if err != nil || o.sessions == 0 {
		return nil, err
	}
	fmt.Fprintf(stderr, "loadgen: %d sessions of %d viewers, %v and then %v, at %s\n", o.sessions, o.viewers, o.ramp, o.length, o.base)
	return load(ctx, o, m, lines)
}
