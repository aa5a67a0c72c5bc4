package awsfake

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Service is one of those that a node asks.
type Service string

// The services.
const (
	IMDS        Service = "imds"
	AutoScaling Service = "autoscaling"
	CloudWatch  Service = "monitoring"
)

// Fault is what becomes of a request.
type Fault string

// The faults.
const (
	Throttle Fault = "throttle"
	Broken   Fault = "broken"  // 503
	Denied   Fault = "denied"  // the role's policy lacks it
	Silence  Fault = "silence" // no answer
)

type fault struct {
	kind Fault
	left int
}

// Fail has the next n requests to a service fail; n < 0: all, until it is called with 0.
func (f *Fake) Fail(s Service, kind Fault, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[s] = &fault{kind, n}
}

// Expire has the credentials expire that were given out, and AWS give out others.
func (f *Fake) Expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key++
}

// ForgetTokens has the metadata service accept none of the tokens it gave out.
func (f *Fake) ForgetTokens() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.tokens)
}

// Skew sets by how much AWS's clock is ahead of this machine's.
func (f *Fake) Skew(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skew = d
}

// Instance is AWS as one instance sees it: an HTTP client without a network, for tests in
// which time is false. An ID of no instance is a machine elsewhere in the account.
type Instance struct {
	*Fake
	ID string
}

// Do is what the SDK calls.
func (i Instance) Do(r *http.Request) (*http.Response, error) {
	s := CloudWatch
	switch host := r.URL.Hostname(); {
	case host == "169.254.169.254":
		s = IMDS
	case strings.HasPrefix(host, "autoscaling."):
		s = AutoScaling
	}
	w := httptest.NewRecorder()
	i.handler(s).ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// Listen serves one of the services to an instance. The caller closes the server.
func (i Instance) Listen(s Service) *httptest.Server { return httptest.NewServer(i.handler(s)) }

// handler answers for a service.
func (i Instance) handler(s Service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", i.clock().UTC().Format(http.TimeFormat))
		name, form := i.asks(s, r)
		kind := i.take(s, name)
		switch {
		case kind == Silence:
			<-r.Context().Done()
		case s == IMDS && kind != "":
			w.WriteHeader(http.StatusServiceUnavailable)
		case s == IMDS:
			i.imds(w, r)
		default:
			code, says := i.refuse(kind, r)
			defer i.now()()
			if s == AutoScaling {
				i.query(w, name, form, code, says)
			} else {
				i.cbor(w, r, name, code, says)
			}
		}
	})
}

// take counts a request and returns what goes wrong with it.
func (f *Fake) take(s Service, name string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[name]++
	at := f.faults[s]
	if at == nil || at.left == 0 {
		return ""
	}
	at.left--
	return at.kind
}

func (f *Fake) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.skew)
}

// refuse returns the code of what is wrong with a signed request; "" for nothing.
func (f *Fake) refuse(kind Fault, r *http.Request) (code, says string) {
	switch kind {
	case Throttle:
		return "Throttling", "Rate exceeded"
	case Broken:
		return "ServiceUnavailable", "not now"
	case Denied:
		return "AccessDenied", "the role is not authorized to perform that"
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if off := f.clock().Sub(at); err != nil || off.Abs() > 5*time.Minute {
		return "SignatureDoesNotMatch", fmt.Sprintf("Signature expired: off by %v", off)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch auth := r.Header.Get("Authorization"); {
	case !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=ASIAFAKE"):
		return "InvalidClientTokenId", "The security token included in the request is invalid"
	case !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential="+f.access()+"/"):
		return "ExpiredToken", "The security token included in the request is expired"
	}
	return "", ""
}

func (f *Fake) access() string { return fmt.Sprintf("ASIAFAKE%012d", f.key) }

// imds answers as the metadata service, version 2.
func (i Instance) imds(w http.ResponseWriter, r *http.Request) {
	defer i.now()()
	if r.URL.Path == "/latest/api/token" {
		ttl, err := strconv.Atoi(r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		if r.Method != http.MethodPut || err != nil || ttl < 1 || ttl > 21600 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		i.made++
		token := fmt.Sprintf("token-%d", i.made)
		i.tokens[token] = time.Now().Add(time.Duration(ttl) * time.Second)
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", strconv.Itoa(ttl))
		fmt.Fprint(w, token)
		return
	}
	if until := i.tokens[r.Header.Get("X-Aws-Ec2-Metadata-Token")]; time.Now().After(until) { // the SDK asks for another after that moment too
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	in := i.instances[i.ID]
	switch r.URL.Path {
	case "/latest/dynamic/instance-identity/document":
		_ = json.NewEncoder(w).Encode(map[string]string{"instanceId": i.ID, "region": Region, "accountId": Account})
	case "/latest/meta-data/iam/security-credentials/":
		fmt.Fprint(w, "node")
	case "/latest/meta-data/iam/security-credentials/node":
		_ = json.NewEncoder(w).Encode(map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": i.access(), "SecretAccessKey": "fake", "Token": "fake",
			"LastUpdated": time.Now().UTC().Format(time.RFC3339), "Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339),
		})
	case "/latest/meta-data/autoscaling/target-lifecycle-state":
		if in != nil {
			fmt.Fprint(w, in.state.Target(in.group.Running))
			return
		}
		fallthrough
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// Environment returns what has the SDK of another process ask servers of Listen.
func Environment(imds, groups, metrics *httptest.Server) []string {
	return []string{
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + imds.URL, "AWS_ENDPOINT_URL_AUTO_SCALING=" + groups.URL,
		"AWS_ENDPOINT_URL_CLOUDWATCH=" + metrics.URL, "AWS_EC2_METADATA_DISABLED=false", "NO_PROXY=127.0.0.1",
	}
}

// Nowhere returns an address at which nothing ever answers, and what ends it.
func Nowhere() (url string, end func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it is connected to, and says nothing
	if err != nil {
		return "", nil, err
	}
	return "http://" + l.Addr().String(), func() { l.Close() }, nil
}
