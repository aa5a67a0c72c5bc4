package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/s3proc"
)

// fixed are credentials that everybody takes.
type fixed struct{}

// Retrieve is part of aws.CredentialsProvider.
func (fixed) Retrieve(context.Context) (sdk.Credentials, error) {
	return sdk.Credentials{AccessKeyID: "AKIAMOTO", SecretAccessKey: "moto"}, nil
}

// post asks moto what the SDK's clients here have no need of.
func post(t *testing.T, at, service, form string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", at+"/", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAMOTO/20260101/"+awsfake.Region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := newClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: %s %v %s", form, answer.Status, err, body)
	}
	return string(body)
}

// between returns what stands between two texts.
func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestMoto: a server that others wrote takes our metrics, by the query protocol, and
// protects our instance.
func TestMoto(t *testing.T) {
	m, err := s3proc.NewMoto()
	if errors.Is(err, s3proc.ErrMissing) {
		groundtest.Skip(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	subnet := between(post(t, m.URL, "ec2", "Action=DescribeSubnets&Version=2016-11-15"), "<subnetId>", "<")
	image := between(post(t, m.URL, "ec2", "Action=DescribeImages&Version=2016-11-15"), "<imageId>", "<")
	const version = "&Version=2011-01-01"
	post(t, m.URL, "autoscaling", "Action=CreateLaunchConfiguration&LaunchConfigurationName=l&InstanceType=g4dn.xlarge&ImageId="+image+version)
	post(t, m.URL, "autoscaling", "Action=CreateAutoScalingGroup&AutoScalingGroupName="+group+"&LaunchConfigurationName=l&MinSize=1&MaxSize=5&VPCZoneIdentifier="+subnet+version)
	id := between(post(t, m.URL, "autoscaling", "Action=DescribeAutoScalingInstances"+version), "<InstanceId>", "<")
	cfg := sdk.Config{Region: awsfake.Region, Credentials: fixed{}, HTTPClient: newClient(), BaseEndpoint: &m.URL, Retryer: func() sdk.Retryer { return sdk.NopRetryer{} }}
	a := &Agent{cfg: Config{Namespace: "DeepLearning"}}
	a.cloud = &cloud{instance: id, creds: fixed{}, counts: &a.counts, groups: autoscaling.NewFromConfig(cfg),
		watch: cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801) })}
	is, err := a.cloud.describe(t.Context())
	if err != nil || is.group != group || is.state != "InService" {
		t.Fatalf("%+v, %v", is, err)
	}
	if err := a.cloud.setProtection(t.Context(), group, true); err != nil {
		t.Error(err)
	}
	if got := post(t, m.URL, "autoscaling", "Action=DescribeAutoScalingInstances"+version); !strings.Contains(got, "<ProtectedFromScaleIn>true<") {
		t.Error(got)
	}
	gpu := 37.
	waiting := []sample{{time.Now(), Load{CPU: 1, GPU: &gpu, GPUMemory: &gpu, Used: 2, Free: 3}}}
	if err := a.send(t.Context(), &waiting); err != nil {
		t.Fatal(err)
	}
	out, err := a.cloud.watch.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Namespace: sdk.String("DeepLearning")})
	if err != nil || len(out.Metrics) != 10 {
		t.Fatalf("%d metrics, %v", len(out.Metrics), err)
	}
	sum, err := a.cloud.watch.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: sdk.String("DeepLearning"), MetricName: sdk.String("GPUUtilization"), Period: sdk.Int32(60), Statistics: []types.Statistic{types.StatisticAverage},
		StartTime: sdk.Time(time.Now().Add(-time.Hour)), EndTime: sdk.Time(time.Now().Add(time.Hour)),
		Dimensions: []types.Dimension{{Name: sdk.String("AutoScalingGroupName"), Value: sdk.String(group)}},
	})
	if err != nil || len(sum.Datapoints) != 1 || *sum.Datapoints[0].Average != 37 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// TestByNetwork: the SDK's own client, by the environment that an operator has too.
func TestByNetwork(t *testing.T) {
	f, n := ground(), newNode()
	f.AddGroup(awsfake.Group{Name: group, Config: asg.Config{Max: 1}})
	at := awsfake.Instance{Fake: f, ID: f.Launch(group)}
	imds, groups, metrics := at.Listen(awsfake.IMDS), at.Listen(awsfake.AutoScaling), at.Listen(awsfake.CloudWatch)
	defer imds.Close()
	defer groups.Close()
	defer metrics.Close()
	for _, e := range awsfake.Environment(imds, groups, metrics) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	c := n.config(at)
	c.HTTP = nil
	a, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	waiting := []sample{{time.Now(), c.Load()}}
	if err := a.send(t.Context(), &waiting); err != nil || len(f.Data()) != 10 {
		t.Errorf("%v, %d data", err, len(f.Data()))
	}
	if err := a.cloud.setProtection(t.Context(), group, true); err != nil || !f.Protected(at.ID) {
		t.Errorf("%v", err)
	}
}

// TestSilentNetwork: a metadata service that takes connections and says nothing is none.
func TestSilentNetwork(t *testing.T) {
	at, end, err := awsfake.Nowhere()
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", at)
	c := newNode().config(awsfake.Instance{})
	c.HTTP = nil
	began := time.Now()
	if _, err := Open(t.Context(), c); !errors.Is(err, ErrElsewhere) {
		t.Error(err)
	}
	t.Logf("known after %v", time.Since(began))
}
