package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	callTime     = 8 * time.Second // for a request: less than between two metrics
	metadataTime = 2 * time.Second // for the metadata service
)

var errNoInstance = errors.New("aws: the account knows of no group that the instance is in")

// cloud is AWS as one instance sees it. Each request is made once: whoever makes it
// counts, waits and tries again.
type cloud struct {
	instance, account, region string

	metadata *imds.Client
	groups   *autoscaling.Client
	watch    *cloudwatch.Client
	creds    sdk.CredentialsProvider
	counts   *counts
}

// openCloud finds out which instance this is.
func openCloud(ctx context.Context, c HTTPClient, n *counts) (*cloud, error) {
	if c == nil {
		c = newClient()
	}
	w := &cloud{counts: n}
	w.metadata = imds.New(imds.Options{
		HTTPClient: c, Retryer: sdk.NopRetryer{}, EnableFallback: sdk.FalseTernary, // tokens always
	})
	id, err := w.metadata.GetInstanceIdentityDocument(ctx, nil)
	switch {
	case err != nil:
		return nil, fmt.Errorf("aws: the metadata service does not say which instance this is (%s): %w", clean(err), ErrElsewhere)
	case id.InstanceID == "" || id.Region == "":
		return nil, fmt.Errorf("aws: the metadata service names no instance, or no region: %w", ErrElsewhere)
	}
	w.instance, w.account, w.region = id.InstanceID, id.AccountID, id.Region
	if target, err := w.target(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrElsewhere)
	} else if target == "" {
		return nil, fmt.Errorf("aws: instance %s: %w", w.instance, ErrElsewhere)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(w.region), config.WithHTTPClient(c), config.WithRetryer(func() sdk.Retryer { return sdk.NopRetryer{} }))
	if err != nil {
		return nil, &SettingError{"credentials", fmt.Errorf("aws: the AWS settings of this machine cannot be read: %w: mend the environment or the shared files", err)}
	}
	w.creds, w.groups, w.watch = cfg.Credentials, autoscaling.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	return w, nil
}

// newClient returns a client that leaves no connections behind: a request every few
// seconds gains little by them. The metadata service is never asked through a proxy.
func newClient() HTTPClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DisableKeepAlives = true
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			if ip := net.ParseIP(r.URL.Hostname()); ip.IsLinkLocalUnicast() {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		}
	})
}

// target returns the lifecycle state the instance is on its way to; "" outside of a group.
func (w *cloud) target(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	out, err := w.metadata.GetMetadata(limited, &imds.GetMetadataInput{Path: "autoscaling/target-lifecycle-state"})
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(out.Content, 100))
		out.Content.Close()
	}
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound:
		return "", nil
	case err != nil:
		if ctx.Err() == nil {
			w.counts.failed(Metadata)
		}
		return "", &CallError{"target-lifecycle-state", Metadata, err}
	}
	return strings.TrimSpace(string(text)), nil
}

// call makes one request, and counts it if it fails.
func (w *cloud) call(ctx context.Context, request string, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := w.creds.Retrieve(limited)
	cause := Credentials
	if err == nil {
		if err = f(limited); err == nil {
			return nil
		}
		cause = classify(err)
	}
	if cause == Credentials {
		if cache, ok := w.creds.(*sdk.CredentialsCache); ok {
			cache.Invalidate() // the role may have newer ones
		}
	}
	if ctx.Err() == nil && !noAction(err) {
		w.counts.failed(cause)
	}
	return &CallError{request, cause, err}
}

// standing is where an instance stands in its group.
type standing struct {
	group, state string
	protected    bool // from scale-in
}

// describe asks where the instance stands. It fails with errNoInstance where AWS does not know.
func (w *cloud) describe(ctx context.Context) (standing, error) {
	var is standing
	err := w.call(ctx, "DescribeAutoScalingInstances", func(ctx context.Context) error {
		out, err := w.groups.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{w.instance}})
		if err == nil && len(out.AutoScalingInstances) > 0 {
			i := out.AutoScalingInstances[0]
			is = standing{sdk.ToString(i.AutoScalingGroupName), sdk.ToString(i.LifecycleState), sdk.ToBool(i.ProtectedFromScaleIn)}
		}
		return err
	})
	if err == nil && is.group == "" {
		err = errNoInstance
	}
	return is, err
}

// describeHooks lists the hooks of a group.
func (w *cloud) describeHooks(ctx context.Context, group string) ([]hook, error) {
	hooks := []hook{}
	err := w.call(ctx, "DescribeLifecycleHooks", func(ctx context.Context) error {
		out, err := w.groups.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &group})
		if err != nil {
			return err
		}
		for _, h := range out.LifecycleHooks {
			hooks = append(hooks, hook{
				name: sdk.ToString(h.LifecycleHookName), transition: sdk.ToString(h.LifecycleTransition),
				timeout: time.Duration(sdk.ToInt32(h.HeartbeatTimeout)) * time.Second,
			})
		}
		return nil
	})
	return hooks, err
}

func (w *cloud) heartbeat(ctx context.Context, group, hook string) error {
	return w.call(ctx, "RecordLifecycleActionHeartbeat", func(ctx context.Context) error {
		_, err := w.groups.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
			AutoScalingGroupName: &group, LifecycleHookName: &hook, InstanceId: &w.instance,
		})
		return err
	})
}

func (w *cloud) complete(ctx context.Context, group, hook, result string) error {
	return w.call(ctx, "CompleteLifecycleAction", func(ctx context.Context) error {
		_, err := w.groups.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: &group, LifecycleHookName: &hook, InstanceId: &w.instance, LifecycleActionResult: &result,
		})
		return err
	})
}

func (w *cloud) setProtection(ctx context.Context, group string, on bool) error {
	return w.call(ctx, "SetInstanceProtection", func(ctx context.Context) error {
		_, err := w.groups.SetInstanceProtection(ctx, &autoscaling.SetInstanceProtectionInput{
			AutoScalingGroupName: &group, InstanceIds: []string{w.instance}, ProtectedFromScaleIn: &on,
		})
		return err
	})
}
