package scaleout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	callTime   = 8 * time.Second  // for a request
	retryFirst = time.Second      // until a request is made again
	retryMost  = 8 * time.Second  // likewise
	giveUp     = 60 * time.Second // of one request that fails
	maxMessage = 200              // bytes of what AWS says that an error repeats
)

// once has the SDK make each request once: ask makes them again, and counts.
func once() sdk.Retryer { return sdk.NopRetryer{} }

// Cloud reads from AWS, and changes nothing there.
type Cloud struct {
	Region string

	groups  *autoscaling.Client
	watch   *cloudwatch.Client
	creds   sdk.CredentialsProvider
	retries atomic.Int64
}

// OpenCloud finds the region, which "" leaves to that, and the credentials as the AWS tools do.
func OpenCloud(ctx context.Context, region string) (*Cloud, error) {
	options := []func(*config.LoadOptions) error{config.WithRetryer(once)}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the AWS settings of this machine cannot be read: %s: mend the environment or the shared files", clean(err))
	case cfg.Region == "":
		return nil, errors.New("no AWS region: give --region, or set AWS_REGION")
	}
	limited, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(limited); err != nil {
		return nil, fmt.Errorf("no AWS credentials: %s: log in as for the aws command (aws configure, aws sso login, AWS_PROFILE)", clean(err))
	}
	return newCloud(cfg), nil
}

func newCloud(cfg sdk.Config) *Cloud {
	return &Cloud{Region: cfg.Region, groups: autoscaling.NewFromConfig(cfg), watch: cloudwatch.NewFromConfig(cfg), creds: cfg.Credentials}
}

// Retries returns how many requests failed and were made again.
func (c *Cloud) Retries() int { return int(c.retries.Load()) }

// what becomes of a request that failed
type fate int

const (
	again   fate = iota // made again
	renewed             // made again once, with newer credentials
	denied
	refused
)

// fates are by AWS's code of an error.
var fates = map[string]fate{
	"Throttling": again, "ThrottlingException": again, "ThrottledException": again, "RequestLimitExceeded": again, "TooManyRequestsException": again,
	"LimitExceeded": again, "ExpiredToken": renewed, "ExpiredTokenException": renewed, "InvalidClientTokenId": renewed, "UnrecognizedClientException": renewed,
	"AccessDenied": denied, "AccessDeniedException": denied, "UnauthorizedOperation": denied, "NotAuthorized": denied,
}

func fateOf(err error) fate {
	var (
		api    smithy.APIError
		answer *smithyhttp.ResponseError
	)
	if errors.As(err, &api) {
		if f, ok := fates[api.ErrorCode()]; ok {
			return f
		}
	}
	if errors.As(err, &answer) && answer.HTTPStatusCode()/100 == 4 {
		return refused
	}
	return again
}

// ask makes a request, again where that may help.
func ask[In, Out, Opt any](ctx context.Context, c *Cloud, name string, f func(context.Context, *In, ...func(*Opt)) (*Out, error), in *In) (*Out, error) {
	began, pause, anew := time.Now(), retryFirst, false
	for {
		limited, cancel := context.WithTimeout(ctx, callTime)
		out, err := f(limited, in)
		cancel()
		if err == nil {
			return out, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch why := fateOf(err); {
		case why == denied:
			return nil, fmt.Errorf("%s: %s: give these credentials the policy of docs/OPERATIONS.md, \"Scale-out in your account\"", name, clean(err))
		case why == refused:
			return nil, fmt.Errorf("%s: %s", name, clean(err))
		case why == renewed && anew:
			return nil, fmt.Errorf("%s: the credentials are not good, or no more: %s: log in again", name, clean(err))
		case why == renewed:
			anew = true
			if cache, ok := c.creds.(*sdk.CredentialsCache); ok {
				cache.Invalidate()
			}
		case time.Since(began)+pause > giveUp:
			return nil, fmt.Errorf("%s: AWS did not answer for %v: %s: is there a route to it, and does nothing else ask it all the time?", name, giveUp, clean(err))
		}
		c.retries.Add(1)
		if !sleep(ctx, pause) {
			return nil, ctx.Err()
		}
		pause = min(2*pause, retryMost)
	}
}

// sleep waits, and returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// clean returns one line of bounded length of what AWS or the SDK says.
func clean(err error) string {
	text := err.Error()
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		text = api.ErrorCode() + ": " + api.ErrorMessage()
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer in time"
	}
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "..."
	}
	return text
}
