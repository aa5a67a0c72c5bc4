package awsfake

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"livedub/internal/testkit/asg"
)

const (
	maxBody = 1 << 20
	invalid = "ValidationError"
)

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
		result, code, says = i.do(name, form)
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

// do does what the Auto Scaling service is asked for.
func (i Instance) do(name string, form url.Values) (result, code, says string) {
	if describe := describes[name]; describe != nil {
		return describe(i.Fake, form)
	}
	if name == "SetDesiredCapacity" {
		return i.setDesired(form)
	}
	id := form.Get("InstanceId")
	if name == "SetInstanceProtection" {
		id = form.Get("InstanceIds.member.1")
	}
	in := i.instances[id]
	if (in == nil || in.state.Ended()) && strings.Contains(name, "LifecycleAction") {
		return "", invalid, "No active Lifecycle Action found with instance ID " + id
	}
	if in == nil || in.state.Ended() || name != "TerminateInstanceInAutoScalingGroup" && in.group.Name != form.Get("AutoScalingGroupName") {
		return "", invalid, "The instance " + id + " is not part of Auto Scaling group " + form.Get("AutoScalingGroupName")
	}
	g, now := in.group, time.Now()
	switch name {
	case "SetInstanceProtection":
		changes, err := g.sizes.Protect(now, id, form.Get("ProtectedFromScaleIn") == "true")
		if err != nil {
			return "", invalid, "The instance " + id + " is not in InService or EnteringStandby or Standby"
		}
		i.act(g, now, "instance "+id+" was no longer protected", changes)
		return "", "", ""
	case "RecordLifecycleActionHeartbeat", "CompleteLifecycleAction":
		h, waits := g.sizes.Waiting(id)
		if !waits || h.Name != form.Get("LifecycleHookName") {
			return "", invalid, "No active Lifecycle Action found with instance ID " + id
		}
		if name == "RecordLifecycleActionHeartbeat" {
			_ = g.sizes.Heartbeat(now, id) // it waits
			return "", "", ""
		}
		e := asg.Continue
		if form.Get("LifecycleActionResult") == "ABANDON" {
			e = asg.Abandon
		}
		changes, _ := g.sizes.Complete(now, id, e) // it waits
		i.act(g, now, "a lifecycle action was completed", changes)
		return "", "", ""
	case "TerminateInstanceInAutoScalingGroup":
		return i.terminate(in, form)
	}
	return "", "InvalidAction", "this fake does not know " + name
}

// setDesired is SetDesiredCapacity.
func (f *Fake) setDesired(form url.Values) (result, code, says string) {
	g := f.groups[form.Get("AutoScalingGroupName")]
	n, err := strconv.Atoi(form.Get("DesiredCapacity"))
	switch {
	case g == nil:
		return "", invalid, "AutoScalingGroup name not found"
	case err != nil:
		return "", invalid, "DesiredCapacity must be a number"
	case n < g.Min:
		return "", invalid, fmt.Sprintf("New SetDesiredCapacity value %d is below min value %d for the AutoScalingGroup.", n, g.Min)
	case n > g.Max:
		return "", invalid, fmt.Sprintf("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", n, g.Max)
	}
	f.want(g, n)
	return "", "", ""
}

// terminate is TerminateInstanceInAutoScalingGroup. AWS does not document what it answers for an
// instance that is on its way out already; here it is refused, and goes on.
func (f *Fake) terminate(in *instance, form url.Values) (result, code, says string) {
	g, now := in.group, time.Now()
	if form.Get("ShouldDecrementDesiredCapacity") != "true" {
		return "", invalid, "this fake ends instances with ShouldDecrementDesiredCapacity alone"
	}
	changes, err := g.sizes.End(now, in.id)
	if err != nil {
		return "", invalid, err.Error()
	}
	f.act(g, now, "instance "+in.id+" was taken out of service in response to a user request", changes)
	a := g.activities[len(g.activities)-1]
	return "<Activity>" + a.xml(g) + "</Activity>", "", ""
}
