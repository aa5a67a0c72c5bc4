// Command livedub-livekit is livedub in the rooms of a LiveKit server: it joins them as a
// participant, and publishes dubs of who agreed for who asked.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"

	"livedub/connectors/livekit/api"
	"livedub/connectors/livekit/bot"
	"livedub/connectors/livekit/doors"
	"livedub/connectors/livekit/wish"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && os.Args[1] == "token" {
		err = token(os.Args[2:], os.Stdout, os.Stderr)
	} else {
		err = run(ctx, os.Args[1:], os.Stderr)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "livedub-livekit:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	url, key, secret, rooms, identity string
	from, to, profile                 string
	delay, speakers                   int
	quiet                             time.Duration
	livedub, token, listen, join, log string
}

// livekit has the flags of who speaks to LiveKit.
func (o *options) livekit(f *flag.FlagSet) {
	f.StringVar(&o.url, "url", cmp.Or(os.Getenv("LIVEKIT_URL"), "ws://localhost:7880"), "LiveKit's address (LIVEKIT_URL)")
	f.StringVar(&o.key, "api-key", os.Getenv("LIVEKIT_API_KEY"), "LiveKit's API key (LIVEKIT_API_KEY); devkey where LiveKit is on this machine")
	f.StringVar(&o.secret, "api-secret", os.Getenv("LIVEKIT_API_SECRET"), "its secret (better by LIVEKIT_API_SECRET: others see a program's flags)")
}

// keys sets what is needed to speak to LiveKit.
func (o *options) keys() error {
	if o.key == "" && o.secret == "" && local(o.url) {
		o.key, o.secret = "devkey", "secret" // of livekit-server --dev
	}
	if o.key == "" || o.secret == "" {
		return errors.New("no key of LiveKit's: set LIVEKIT_API_KEY and LIVEKIT_API_SECRET")
	}
	return nil
}

func (o *options) parse(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("livedub-livekit", flag.ContinueOnError)
	f.SetOutput(stderr)
	o.livekit(f)
	f.StringVar(&o.rooms, "room", "", "rooms to join now, by commas, and to join again when they were closed")
	f.StringVar(&o.identity, "identity", "livedub", "the bot's identity in rooms")
	f.StringVar(&o.from, "from", "en", "the language spoken by participants who do not say theirs (livedub.from)")
	f.StringVar(&o.to, "to", "", "languages that listeners may ask for, by commas; all that livedub has, where empty")
	f.StringVar(&o.profile, "profile", "live", "live: a dub follows as soon as it exists; sync: all is delayed, so that each phrase is dubbed where it was spoken")
	f.IntVar(&o.delay, "delay", -1, "milliseconds by which livedub delays voice and frame; the profile's where negative")
	f.IntVar(&o.speakers, "speakers", 4, "participants of a room that are dubbed at once, at most: those who spoke last; 0: any number")
	f.DurationVar(&o.quiet, "quiet", 2*time.Minute, "who has not spoken for so long is dubbed no longer, until they speak; 0: forever")
	f.StringVar(&o.livedub, "livedub", cmp.Or(os.Getenv("LIVEDUB_URL"), "http://localhost:8080"), "livedub's address, or its gateway's (LIVEDUB_URL)")
	f.StringVar(&o.token, "livedub-token", os.Getenv("LIVEDUB_TOKEN"), "what lets create sessions there, where that is another machine (better by LIVEDUB_TOKEN)")
	f.StringVar(&o.listen, "listen", "", "address of the API and of LiveKit's webhook, as 127.0.0.1:8090; none where empty")
	f.StringVar(&o.join, "join", "marked", "rooms that the webhook has joined: all, marked (their metadata has \"livedub\") or none")
	f.StringVar(&o.log, "log", "info", "debug, info, warn or error")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q is not understood: all is said by flags, --help lists them", f.Arg(0))
	}
	return nil
}

// run runs the bots until ctx ends.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	var o options
	if err := o.parse(args, stderr); err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.log)); err != nil {
		return fmt.Errorf("--log %s: debug, info, warn or error is wanted", o.log)
	}
	lksdk.SetLogger(logger.GetDiscardLogger()) // it tells each step of each connection
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	cfg, err := o.config(log)
	if err != nil {
		return err
	}
	defer cfg.Livedub.Close()
	keep := bot.NewKeeper(cfg)
	defer keep.Close()
	for _, room := range rooms(o.rooms) {
		if err := keep.Join(bot.Asked{Room: room, Again: true}); err != nil {
			return err
		}
	}
	if o.listen != "" {
		return api.Serve(ctx, o.listen, api.Config{Keeper: keep, APIKey: cfg.APIKey, APISecret: cfg.APISecret, Join: o.join, Log: log})
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-keep.Empty(): // no room is left, and none can be asked for
		return err
	}
}

func (o *options) config(log *slog.Logger) (bot.Config, error) {
	if err := o.keys(); err != nil {
		return bot.Config{}, err
	}
	switch {
	case o.rooms == "" && o.listen == "":
		return bot.Config{}, errors.New("nothing to do: name rooms by --room, or --listen for those who will")
	case o.from != "auto" && !wish.Language(o.from):
		return bot.Config{}, fmt.Errorf("--from %s is no language: en, es, pt, or auto", o.from)
	case o.join != "all" && o.join != "marked" && o.join != "none":
		return bot.Config{}, fmt.Errorf("--join %s: all, marked or none is wanted", o.join)
	}
	livedub, err := doors.New(o.livedub, o.token)
	if err != nil {
		return bot.Config{}, fmt.Errorf("--livedub: %w", err)
	}
	cfg := bot.Config{
		URL: o.url, APIKey: o.key, APISecret: o.secret, Identity: o.identity, From: o.from, To: wish.Languages(o.to),
		Profile: o.profile, Speakers: o.speakers, Quiet: o.quiet, Livedub: livedub, Log: log,
	}
	if o.delay >= 0 {
		cfg.DelayMS = &o.delay
	}
	return cfg, nil
}
