package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Cause is why a request failed.
type Cause string

const (
	Throttled   Cause = "throttled"   // too many requests
	Credentials Cause = "credentials" // none, expired, or without the right
	Clock       Cause = "clock"       // this machine's is wrong
	Refused     Cause = "refused"     // AWS does not do that
	Unavailable Cause = "unavailable" // no answer, or a server's error
	Metadata    Cause = "metadata"    // the instance's metadata service does not answer
)

// Causes are all of them.
var Causes = []Cause{Throttled, Credentials, Clock, Refused, Unavailable, Metadata}

// CallError is a request to AWS that failed.
type CallError struct {
	Request string // as "PutMetricData"
	Cause   Cause
	Err     error
}

// advice is what to do about a cause.
var advice = map[Cause]string{
	Throttled:   "the account asks too often",
	Credentials: "the instance needs a role whose policy allows it; remove other keys",
	Clock:       "have the network set this machine's clock",
	Refused:     "see aws.group, aws.launching_hook and aws.terminating_hook",
	Unavailable: "is there a route to AWS, by NAT or an endpoint?",
	Metadata:    "the metadata service does not answer; in a container its hop limit must be 2",
}

// Error returns what failed, why and what to do.
func (e *CallError) Error() string {
	return fmt.Sprintf("aws: %s: %s: %s (%s)", e.Request, e.Cause, advice[e.Cause], clean(e.Err))
}

// Unwrap returns the SDK's error.
func (e *CallError) Unwrap() error { return e.Err }

// causeOf returns why err happened.
func causeOf(err error) Cause {
	var e *CallError
	if errors.As(err, &e) {
		return e.Cause
	}
	return Unavailable
}

var codes = map[string]Cause{
	"Throttling": Throttled, "ThrottlingException": Throttled, "ThrottledException": Throttled, "RequestLimitExceeded": Throttled,
	"TooManyRequestsException": Throttled, "LimitExceeded": Throttled, "SlowDown": Throttled,

	"ExpiredToken": Credentials, "ExpiredTokenException": Credentials, "InvalidClientTokenId": Credentials, "UnrecognizedClientException": Credentials,
	"AuthFailure": Credentials, "MissingAuthenticationToken": Credentials, "MissingAuthenticationTokenException": Credentials,
	"AccessDenied": Credentials, "AccessDeniedException": Credentials, "UnauthorizedOperation": Credentials, "NotAuthorized": Credentials,
	"OptInRequired": Credentials, "SignatureDoesNotMatch": Credentials, "IncompleteSignature": Credentials,

	"RequestTimeTooSkewed": Clock, "RequestExpired": Clock, "RequestInTheFuture": Clock,

	"ResourceContention": Unavailable, "ScalingActivityInProgress": Unavailable, "InternalFailure": Unavailable, "InternalServiceFault": Unavailable,
}

// classify returns why a request failed.
func classify(err error) Cause {
	var (
		api    smithy.APIError
		answer *smithyhttp.ResponseError
	)
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	if errors.As(err, &api) {
		says := api.ErrorMessage()
		if api.ErrorCode() == "SignatureDoesNotMatch" && (strings.Contains(says, "Signature expired") || strings.Contains(says, "not yet current")) {
			return Clock
		}
		if c, ok := codes[api.ErrorCode()]; ok {
			return c
		}
	}
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Credentials
	case status >= 400 && status < 500:
		return Refused
	}
	return Unavailable
}

// noAction tells whether the group has no such lifecycle action that waits.
func noAction(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "No active Lifecycle Action")
}

const maxMessage = 200 // runes of what AWS says that an error repeats

// clean returns one line of bounded length. Addresses are left out.
func clean(err error) string {
	var (
		api smithy.APIError
		u   *url.Error
	)
	text := err.Error()
	switch {
	case errors.As(err, &api):
		text = api.ErrorCode() + ": " + api.ErrorMessage()
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer in time"
	case errors.As(err, &u):
		text = u.Err.Error()
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }), " ")
	if r := []rune(text); len(r) > maxMessage {
		text = string(r[:maxMessage]) + "..."
	}
	return text
}
