package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"livedub/internal/bench/scaleout"
	"livedub/internal/cli"
	"livedub/internal/testkit/caller"
)

const (
	verifyUsage = "verify-scaleout --group NAME --gateway URL [--region NAME] [--sessions N] [--for TIME] [--scale-in TIME] [--svg DIR] [--json] --yes"
	tokenEnv    = "LIVEDUB_ADMIN_TOKEN"
	maxVerify   = 200
	verifyEvery = 2 * time.Second // between looks at AWS
	verifyPeers = 64
)

// runVerify measures scale-out in the user's own account: it reads from AWS, and puts load
// on the user's gateway.
func runVerify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("verify-scaleout")
	group := fs.String("group", "", "`NAME` of the Auto Scaling group")
	gateway := fs.String("gateway", "", "`URL` of the gateway; the operator's token is read from "+tokenEnv)
	token := fs.String("token", "", "the operator's `TOKEN`, where the environment cannot hold it: others see arguments")
	region := fs.String("region", "", "`NAME` of the region; empty is as the AWS tools have it")
	sessions := fs.Int("sessions", 0, fmt.Sprintf("how many sessions, up to %d; 0 is as many as there are places free, and two", maxVerify))
	most := fs.Duration("for", 20*time.Minute, "`TIME` for the new node to serve, at most; the load ends with it")
	in := fs.Duration("scale-in", 0, "`TIME` to wait for scale-in afterwards, without load; 0 is none")
	from := fs.String("from", "en", "language spoken; the drawn face speaks English")
	to := fs.String("to", "es", "language wanted")
	consent := fs.Bool("consent", true, "have mouths changed; --consent=false costs nodes less")
	clip := fs.String("clip", "", "`FILE` with a speaker, of which 5 to 60 s are sent again and again, instead of the drawn face")
	keep := fs.String("keep", "", "`FILE` for what speakers send, encoded: made if it is not there")
	dir := fs.String("svg", "", "draw the phases into `DIR`, which is made")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	yes := fs.Bool("yes", false, "put the load on; without it the command tells what it would do")
	_, rest, err := cli.Settings(fs, verifyUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	u, err := url.Parse(*gateway)
	switch {
	case len(rest) > 0:
		return cli.Usagef("verify-scaleout: takes no arguments, got %q: livedub %s", rest[0], verifyUsage)
	case *group == "":
		return cli.Usagef("verify-scaleout: --group is missing: aws autoscaling describe-auto-scaling-groups lists them")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return cli.Usagef("verify-scaleout: --gateway %q is no http or https address", *gateway)
	case *sessions < 0 || *sessions > maxVerify:
		return cli.Usagef("verify-scaleout: --sessions %d: give 0 to %d", *sessions, maxVerify)
	case *most < time.Second || *most > 24*time.Hour || *in < 0 || *in > 24*time.Hour:
		return cli.Usagef("verify-scaleout: --for takes 1s to 24h, --scale-in 0s to 24h")
	case *from == "" || *to == "" || *clip == "" && *from != "en":
		return cli.Usagef("verify-scaleout: the drawn face speaks en, not %q: give --clip, too; --to is one language", *from)
	}
	if *token == "" {
		*token = os.Getenv(tokenEnv)
	}
	err = verify(ctx, verification{
		group: *group, base: *gateway, token: *token, region: *region, sessions: *sessions, most: *most, in: *in,
		wanted: caller.Wanted{From: *from, To: []string{*to}, Consent: *consent}, making: caller.Making{Width: callWidth * 2, Height: callHeight * 2, Clip: *clip, Keep: *keep},
		svg: *dir, json: *asJSON, yes: *yes,
	}, stdout, stderr)
	if err != nil {
		return fmt.Errorf("verify-scaleout: %w", err)
	}
	return nil
}

// verification is what was asked for.
type verification struct {
	group, base, token, region string
	sessions                   int
	most, in                   time.Duration
	wanted                     caller.Wanted
	making                     caller.Making
	svg                        string
	json, yes                  bool
}

var errAsked = errors.New("nothing was done: add --yes to put the load on")

func verify(ctx context.Context, v verification, stdout, stderr io.Writer) error {
	cloud, err := scaleout.OpenCloud(ctx, v.region)
	if err != nil {
		return err
	}
	web := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	began := time.Now()
	c := scaleout.Config{
		Cloud: cloud, Gateway: scaleout.Front{Base: v.base, Token: v.token, HTTP: web}, Group: v.group, Sessions: v.sessions, Every: verifyEvery, For: v.most, ScaleIn: v.in,
		Progress: func(what string) {
			fmt.Fprintf(stderr, "verify-scaleout: %4.0f s: %s\n", time.Since(began).Seconds(), what)
		},
	}
	p, err := scaleout.Prepare(ctx, c)
	if err != nil {
		return err
	}
	if p.Sessions > maxVerify {
		return fmt.Errorf("%d sessions would be needed to fill the fleet, more than %d: choose a smaller group", p.Sessions, maxVerify)
	}
	if err := p.Print(stderr, v.most); err != nil {
		return err
	}
	if !v.yes {
		return errAsked
	}
	fmt.Fprintln(stderr, "verify-scaleout: preparing what speakers send")
	m, err := caller.Prepare(ctx, v.making)
	if err != nil {
		return err
	}
	peers, err := caller.NewPeers()
	if err != nil {
		return err
	}
	client := caller.NewClient(v.base, v.token, verifyPeers)
	defer client.Close()
	c.Load = &scaleout.Callers{Client: client, Peers: peers, Material: m, Wanted: v.wanted}
	r, err := scaleout.Measure(ctx, c, p, &scaleout.Marks{})
	r.Conditions = append(r.Conditions, fmt.Sprintf("account %s, %s, %s, %s; AWS looked at from %s", r.Group.Account, r.Group.Region, r.Group.Type, time.Now().UTC().Format(time.DateOnly), machine()))
	if len(r.Phases) > 0 { // what was seen is told, even if not all was
		if v.json {
			err = errors.Join(err, printJSON(stdout, r))
		} else {
			err = errors.Join(err, r.Print(stdout))
		}
	}
	if v.svg != "" && len(r.Phases) > 0 {
		err = errors.Join(err, drawScaleout(v.svg, []scaleout.Report{r}))
	}
	return err
}
