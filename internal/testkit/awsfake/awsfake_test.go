package awsfake

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/asg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
	f.AddGroup(Group{Name: "g", Config: asg.Config{Max: 1}})
	at := Instance{f, f.Launch("g")}
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
