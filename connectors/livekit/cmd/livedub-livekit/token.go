package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/livekit/protocol/auth"
)

// token prints a link to the listener's page with a token for a room in it, for trying.
func token(args []string, stdout, stderr io.Writer) error {
	var o options
	f := flag.NewFlagSet("livedub-livekit token", flag.ContinueOnError)
	f.SetOutput(stderr)
	o.livekit(f)
	room := f.String("room", "", "the room")
	identity := f.String("identity", "", "who comes in")
	at := f.String("page", "http://localhost:8090", "where the connector listens (--listen)")
	life := f.Duration("valid", time.Hour, "for how long")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *room == "" || *identity == "" {
		return fmt.Errorf("who comes into which room? --room and --identity are wanted")
	}
	if err := o.keys(); err != nil {
		return err
	}
	yes := true
	made, err := auth.NewAccessToken(o.key, o.secret).SetIdentity(*identity).SetValidFor(*life).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: *room, CanUpdateOwnMetadata: &yes}).ToJWT()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s/#url=%s&token=%s\n", *at, url.QueryEscape(o.url), made)
	return err
}
