package awsfake

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

const maxBody = 1 << 20

// asks returns what a request asks for, and its form if it has one.
func (f *Fake) asks(s Service, r *http.Request) (string, url.Values) {
	switch s {
	case AutoScaling:
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return "", nil
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return "", nil
		}
		return form.Get("Action"), form
	case CloudWatch:
		return r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], nil
	}
	return r.URL.Path, nil
}

// query answers as the Auto Scaling service; code is what is wrong already, if anything is.
func (i Instance) query(w http.ResponseWriter, name string, form url.Values, code, says string) {
	result := ""
	if code == "" {
		result, code, says = i.act(name, form)
	}
	w.Header().Set("Content-Type", "text/xml")
	if code != "" {
		w.WriteHeader(status(code))
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>fake</RequestId></ErrorResponse>", code, escape(says))
		return
	}
	fmt.Fprintf(w, `<%sResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><%sResult>%s</%sResult><ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></%sResponse>`, name, name, result, name, name)
}

func status(code string) int {
	switch code {
	case "ServiceUnavailable":
		return http.StatusServiceUnavailable
	case "AccessDenied", "ExpiredToken", "SignatureDoesNotMatch", "InvalidClientTokenId":
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// act does what is asked for.
func (i Instance) act(name string, form url.Values) (result, code, says string) {
	const invalid = "ValidationError"
	switch name {
	case "DescribeAutoScalingInstances":
		in := i.instances[form.Get("InstanceIds.member.1")]
		if in == nil {
			return "<AutoScalingInstances/>", "", ""
		}
		in.pass(time.Now())
		return fmt.Sprintf("<AutoScalingInstances><member><InstanceId>%s</InstanceId><AutoScalingGroupName>%s</AutoScalingGroupName><AvailabilityZone>%sa</AvailabilityZone>"+
			"<LifecycleState>%s</LifecycleState><HealthStatus>HEALTHY</HealthStatus><ProtectedFromScaleIn>%t</ProtectedFromScaleIn></member></AutoScalingInstances>",
			in.id, escape(in.group.Name), Region, in.state, in.protected), "", ""
	case "DescribeLifecycleHooks":
		g := i.groups[form.Get("AutoScalingGroupName")]
		if g == nil {
			return "", invalid, "AutoScalingGroup name not found"
		}
		for _, h := range []struct {
			*Hook
			transition string
		}{{g.Launch, launching}, {g.Terminate, terminating}} {
			if h.Hook != nil {
				result += fmt.Sprintf("<member><LifecycleHookName>%s</LifecycleHookName><AutoScalingGroupName>%s</AutoScalingGroupName><LifecycleTransition>%s</LifecycleTransition><HeartbeatTimeout>%d</HeartbeatTimeout></member>",
					escape(h.Name), escape(g.Name), h.transition, int(h.Timeout.Seconds()))
			}
		}
		return "<LifecycleHooks>" + result + "</LifecycleHooks>", "", ""
	}
	id := form.Get("InstanceId")
	if name == "SetInstanceProtection" {
		id = form.Get("InstanceIds.member.1")
	}
	in := i.instances[id]
	if in == nil || in.group.Name != form.Get("AutoScalingGroupName") {
		return "", invalid, "The instance " + id + " is not part of Auto Scaling group " + form.Get("AutoScalingGroupName")
	}
	in.pass(time.Now())
	switch name {
	case "SetInstanceProtection":
		if in.state != InService {
			return "", invalid, "The instance " + id + " is not in InService or EnteringStandby or Standby"
		}
		in.protected = form.Get("ProtectedFromScaleIn") == "true"
		return "", "", ""
	case "RecordLifecycleActionHeartbeat", "CompleteLifecycleAction":
		h := in.hook()
		if !strings.HasSuffix(string(in.state), ":Wait") || h == nil || h.Name != form.Get("LifecycleHookName") {
			return "", invalid, "No active Lifecycle Action found with instance ID " + id
		}
		if name == "RecordLifecycleActionHeartbeat" {
			in.beat = time.Now()
			return "", "", ""
		}
		e := Continue
		if form.Get("LifecycleActionResult") == "ABANDON" {
			e = Abandon
		}
		in.move(e, time.Now())
		in.pass(time.Now())
		return "", "", ""
	}
	return "", "InvalidAction", "this fake does not know " + name
}

// Datum is a value that was published.
type Datum struct {
	Namespace, Name, Unit string
	Dimensions            map[string]string
	Value                 float64
	At                    time.Time
	Resolution            int
	Request               int // which of all requests it came in
}

// Data returns all that was published.
func (f *Fake) Data() []Datum {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Datum(nil), f.data...)
}

// cbor answers as CloudWatch; code is what is wrong already, if anything is.
func (i Instance) cbor(w http.ResponseWriter, r *http.Request, code, says string) {
	if code == "" {
		code, says = i.put(r)
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	answer := cbor.Map{}
	if code != "" {
		w.Header().Set("X-Amzn-Query-Error", code+";Sender")
		w.WriteHeader(status(code))
		answer = cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + code), "message": cbor.String(says)}
	}
	_, _ = w.Write(cbor.Encode(answer)) // who asked may be gone
}

// put keeps the data of a request.
func (i Instance) put(r *http.Request) (code, says string) {
	if r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || !strings.HasSuffix(r.URL.Path, "/operation/PutMetricData") {
		return "InvalidAction", "this fake knows PutMetricData by RPC v2 CBOR"
	}
	body, err := body(r)
	if err != nil {
		return "SerializationException", err.Error()
	}
	v, err := cbor.Decode(body)
	top, ok := v.(cbor.Map)
	if err != nil || !ok {
		return "SerializationException", "the body is no map"
	}
	list, _ := top["MetricData"].(cbor.List)
	if len(list) == 0 || len(list) > 1000 {
		return "InvalidParameterValue", fmt.Sprintf("%d values in a request", len(list))
	}
	for _, v := range list {
		m, _ := v.(cbor.Map)
		d := Datum{Namespace: text(top["Namespace"]), Name: text(m["MetricName"]), Unit: text(m["Unit"]), Dimensions: map[string]string{}, Request: i.requests["PutMetricData"]}
		d.Value, d.Resolution = number(m["Value"]), int(number(m["StorageResolution"]))
		if tag, ok := m["Timestamp"].(*cbor.Tag); ok {
			d.At = time.UnixMilli(int64(number(tag.Value) * 1000))
		}
		dims, _ := m["Dimensions"].(cbor.List)
		for _, v := range dims {
			pair, _ := v.(cbor.Map)
			d.Dimensions[text(pair["Name"])] = text(pair["Value"])
		}
		i.data = append(i.data, d)
	}
	return "", ""
}

func text(v cbor.Value) string { s, _ := v.(cbor.String); return string(s) }

func number(v cbor.Value) float64 {
	switch n := v.(type) {
	case cbor.Float64:
		return float64(n)
	case cbor.Float32:
		return float64(n)
	case cbor.Uint:
		return float64(n)
	}
	return 0
}
