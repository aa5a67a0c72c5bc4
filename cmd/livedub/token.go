package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"livedub/internal/auth"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/registry"
	"livedub/signaling/access"
	"livedub/signaling/ledger"
	"livedub/signaling/revoked"
	"livedub/signaling/tokens"
)

const tokenUsage = "token create --session NAME --grant watch:es [--for 1h] | inspect TOKEN | revoke TOKEN|ID"

// ownIssuer is who makes tokens where auth.jwt_issuer names nobody.
const ownIssuer = "livedub"

// unknownEnd is how long a token is kept revoked of which only the ID is known.
const unknownEnd = 366 * 24 * time.Hour

// tokenCommand is one run of livedub token.
type tokenCommand struct {
	cfg     config.Config
	session string
	grants  []string
	last    time.Duration
	subject string
	names   []string
	stdin   io.Reader
	stdout  io.Writer
	log     *slog.Logger
}

// runToken makes, shows and revokes signed tokens.
func runToken(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := cli.NewFlags("token")
	c := tokenCommand{stdin: os.Stdin, stdout: stdout, log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	flags.StringVar(&c.session, "session", "", "create: name of the session; * for all")
	flags.StringSliceVar(&c.grants, "grant", nil, "create: what may be done in it: watch, watch:LANGUAGE, publish, control, create; once for each")
	flags.DurationVar(&c.last, "for", time.Hour, "create: how long it is good for")
	flags.StringVar(&c.subject, "subject", "livedub token", "create: whom it is for, as its claim sub")
	cfg, rest, err := cli.Settings(flags, tokenUsage, args, stdout, "access.key", "access.key_file", "auth", "cluster")
	if err != nil {
		return err
	}
	c.cfg = cfg
	verbs := map[string]func(*tokenCommand, context.Context) error{
		"create": (*tokenCommand).create, "inspect": (*tokenCommand).inspect, "revoke": (*tokenCommand).revoke,
	}
	if len(rest) == 0 {
		return cli.Usagef("token: say what to do: livedub %s", tokenUsage)
	}
	verb := verbs[rest[0]]
	if verb == nil {
		return cli.Usagef("token: %.40q is nothing that token does; did you mean livedub token %s?", rest[0], config.Nearest(rest[0], []string{"create", "inspect", "revoke"}))
	}
	for _, f := range []string{"session", "grant", "for", "subject"} {
		if flags.Changed(f) && rest[0] != "create" {
			return cli.Usagef("token %s: takes no --%s: see livedub token --help", rest[0], f)
		}
	}
	c.names = rest[1:]
	return verb(&c, ctx)
}

func (c *tokenCommand) create(context.Context) error {
	switch {
	case len(c.names) > 0:
		return cli.Usagef("token create: takes flags alone, as livedub token create --session x --grant watch:es --for 1h")
	case c.session == "" || len(c.grants) == 0:
		return cli.Usagef("token create: --session and --grant are missing: livedub token create --session x --grant watch:es --for 1h")
	}
	key, err := commandKey(c.cfg, c.log)
	if err != nil {
		return err
	}
	secret, err := auth.Secret(c.cfg.Auth, key)
	if err != nil {
		return err
	}
	w := tokens.Wish{Subject: c.subject, Session: c.session, Grants: c.grants, For: c.last, Audience: c.cfg.Auth.JWTAudience, Issuer: c.cfg.Auth.JWTIssuer}
	if w.Issuer == "" {
		w.Issuer = ownIssuer
	}
	token, err := tokens.Sign(secret, w, time.Now())
	if err != nil {
		return cli.Usagef("token create: %v", err)
	}
	_, err = fmt.Fprintln(c.stdout, token)
	return err
}

// inspected is what inspect tells: never the signature.
type inspected struct {
	tokens.Told
	Valid   bool   `json:"valid"`
	Why     string `json:"why,omitempty"` // it is not
	Revoked bool   `json:"revoked"`
}

func (c *tokenCommand) inspect(ctx context.Context) error {
	token, err := c.named("inspect")
	if err != nil {
		return err
	}
	told, err := tokens.Read(token)
	if err != nil {
		return cli.Usagef("token inspect: this is no signed token (JWT): three parts in base64 with dots between")
	}
	key, err := commandKey(c.cfg, c.log)
	if err != nil {
		return err
	}
	v, err := auth.Verifier(ctx, c.cfg.Auth, key, c.log)
	if err != nil {
		return err
	}
	defer v.Close()
	out := inspected{Told: told}
	if _, err := v.Check(token); err != nil {
		out.Why = err.Error()
	} else {
		out.Valid = true
	}
	store, end, err := commandStore(ctx, c.cfg, c.log)
	if err != nil {
		return err
	}
	defer end()
	all, err := store.All(ctx, ledger.Revoked)
	if err != nil {
		return err
	}
	for _, id := range told.IDs {
		if _, is := all[id]; is {
			out.Revoked, out.Valid = true, false
		}
	}
	e := json.NewEncoder(c.stdout)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// revoke takes a token, a capability, or the ID (jti) of a token.
func (c *tokenCommand) revoke(ctx context.Context) error {
	what, err := c.named("revoke")
	if err != nil {
		return err
	}
	ids, until := []string{access.ID(what)}, time.Now().Add(unknownEnd)
	if told, err := tokens.Read(what); err == nil {
		if ids = told.IDs; !told.Expires.IsZero() {
			until = told.Expires
		}
	}
	store, end, err := commandStore(ctx, c.cfg, c.log)
	if err != nil {
		return err
	}
	defer end()
	if err := revoked.Add(ctx, store, until, ids...); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, "token: revoked; who has come by it is let go within seconds")
	return err
}

// named returns the one argument of a verb; "-" is the first line of the standard input,
// which no list of processes shows.
func (c *tokenCommand) named(verb string) (string, error) {
	if len(c.names) != 1 {
		return "", cli.Usagef("token %s: takes one token, or - to read it from the standard input", verb)
	}
	if c.names[0] != "-" {
		return c.names[0], nil
	}
	line, _ := bufio.NewReader(io.LimitReader(c.stdin, 2*tokens.MaxToken)).ReadString('\n') // what was read tells
	if line = strings.TrimSpace(line); line == "" {
		return "", cli.Usagef("token %s: the standard input holds no token", verb)
	}
	return line, nil
}

// commandKey returns the key of capabilities that a server with these settings has.
func commandKey(c config.Config, log *slog.Logger) (access.Key, error) {
	if c.Cluster.URL != "" && ownKey(c) {
		key, err := registry.Key(c.Cluster, log)
		return key.For("capabilities"), err
	}
	if ownKey(c) {
		path, err := access.StateFile()
		if err != nil {
			return access.Key{}, fmt.Errorf("%w: set access.key_file to the server's", err)
		}
		return keptKey(path, log)
	}
	return serverKey(c.Access, log)
}

// commandStore opens where a server with these settings keeps stream keys and revoked tokens.
func commandStore(ctx context.Context, c config.Config, log *slog.Logger) (store ledger.Store, end func(), err error) {
	if c.Cluster.URL == "" {
		store, err = auth.Store(c.Auth, nil)
		return store, func() {}, err
	}
	reg, err := registry.Open(ctx, c.Cluster, log)
	if err != nil {
		return nil, nil, err
	}
	store, err = auth.Store(c.Auth, reg)
	return store, func() { _ = reg.Close() }, err // it was read and written by then
}
