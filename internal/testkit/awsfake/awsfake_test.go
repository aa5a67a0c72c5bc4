package awsfake

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEveryTransition: each row of the table happens, and nothing else does.
func TestEveryTransition(t *testing.T) {
	up, down := &Hook{Name: "up", Timeout: 30 * time.Second, Default: Abandon}, &Hook{Name: "down", Timeout: 30 * time.Second, Default: Continue}
	both := Group{Launch: up, Terminate: down, Step: time.Second}
	none := Group{Step: time.Second}
	running, bare := both, none
	running.KeepRunning, bare.KeepRunning = true, true
	const wait, late = Event("wait"), Event("late")
	type move struct{ from, to State }
	seen := map[move]int{}
	synctest.Test(t, func(t *testing.T) {
		for _, life := range []struct {
			group  Group
			events []Event
			end    State
		}{
			{both, []Event{Launch, wait, Continue, wait, ScaleIn, wait, Continue, wait}, Terminated},
			{both, []Event{Launch, wait, Abandon, wait, Abandon, wait}, Terminated},
			{both, []Event{Launch, late}, TerminatingWait}, // the launching hook abandons
			{none, []Event{Launch, wait, ScaleIn, wait}, Terminated},
			{none, []Event{Launch, wait, StandBy, wait, Return, wait}, InService},
			{both, []Event{Fill, wait, Continue, wait, ScaleOut, wait, Continue, wait, Reuse, wait}, WarmedPendingWait},
			{both, []Event{Fill, wait, Abandon, wait}, TerminatingWait},
			{none, []Event{Fill, wait, ScaleOut, wait}, InService},
			{running, []Event{Fill, wait, Continue, wait, ScaleOut, wait}, PendingWait},
			{bare, []Event{Fill, wait}, WarmedRunning},
		} {
			f := New()
			life.group.Name = "g"
			f.AddGroup(life.group)
			id := f.Launch("g", life.events[0])
			for _, e := range life.events[1:] {
				switch e {
				case wait:
					time.Sleep(2 * time.Second)
				case late:
					time.Sleep(35 * time.Second)
				default:
					if err := f.Do(id, e); err != nil {
						t.Fatalf("%v: %v", life.events, err)
					}
				}
			}
			if s := f.State(id); s != life.end {
				t.Errorf("%v ends in %s, want %s", life.events, s, life.end)
			}
			before := State("")
			for _, c := range f.History(id) {
				seen[move{before, c.State}]++
				before = c.State
			}
			if err := f.Do(id, Launch); err == nil {
				t.Errorf("launched in state %s", f.State(id))
			}
		}
	})
	rows := map[move]bool{}
	for _, r := range Transitions {
		rows[move{r.From, r.To}] = true
		if seen[move{r.From, r.To}] == 0 {
			t.Errorf("never happens: %+v", r)
		}
		if u, err := url.Parse(r.Page); err != nil || u.Host != "docs.aws.amazon.com" {
			t.Errorf("no page: %+v", r)
		}
	}
	for m := range seen {
		if !rows[m] {
			t.Errorf("not in the table: %+v", m)
		}
	}
}

func TestProtection(t *testing.T) {
	f := New()
	f.AddGroup(Group{Name: "g"})
	id := f.Launch("g", Launch)
	f.instances[id].protected = true
	if err := f.Do(id, ScaleIn); err == nil || f.State(id) != InService {
		t.Errorf("%v, %s", err, f.State(id))
	}
}

// ask sends a request by a network and returns what is answered, as "200 body".
func ask(t *testing.T, method, url, body string, headers ...string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status[:3] + " " + string(text)
}

func TestProtocols(t *testing.T) {
	f := New()
	f.AddGroup(Group{Name: "g"})
	at := Instance{f, f.Launch("g", Launch)}
	imds, groups := at.Listen(IMDS), at.Listen(AutoScaling)
	defer imds.Close()
	defer groups.Close()
	state := imds.URL + "/latest/meta-data/autoscaling/target-lifecycle-state"
	if got := ask(t, "GET", state, ""); got != "401 " {
		t.Errorf("without a token: %s", got)
	}
	if got := ask(t, "GET", imds.URL+"/latest/api/token", "", "X-aws-ec2-metadata-token-ttl-seconds", "60"); got != "400 " {
		t.Errorf("a token by GET: %s", got)
	}
	_, token, _ := strings.Cut(ask(t, "PUT", imds.URL+"/latest/api/token", "", "X-aws-ec2-metadata-token-ttl-seconds", "60"), " ")
	if got := ask(t, "GET", state, "", "X-aws-ec2-metadata-token", token); got != "200 InService" {
		t.Errorf("with one: %s", got)
	}
	for want, headers := range map[string][]string{
		"<Code>SignatureDoesNotMatch<": {"X-Amz-Date", "20000101T000000Z"},
		"<Code>InvalidClientTokenId<":  {"X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"), "Authorization", "AWS4-HMAC-SHA256 Credential=AKIA1/x"},
		"<Code>InvalidAction<":         {"X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"), "Authorization", "AWS4-HMAC-SHA256 Credential=" + f.access() + "/x"},
	} {
		if got := ask(t, "POST", groups.URL, "Action=Nothing&AutoScalingGroupName=g&InstanceId="+at.ID, headers...); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
