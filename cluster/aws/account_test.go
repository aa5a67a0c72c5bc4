package aws

import (
	"io"
	"net/http"
	"strings"
)

// otherAccount is AWS for credentials of an account that has no such instance.
type otherAccount struct{ HTTPClient }

// Do is part of HTTPClient.
func (o otherAccount) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Host, "autoscaling.") {
		return o.HTTPClient.Do(r)
	}
	const none = `<DescribeAutoScalingInstancesResponse><DescribeAutoScalingInstancesResult><AutoScalingInstances/></DescribeAutoScalingInstancesResult></DescribeAutoScalingInstancesResponse>`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(none))}, nil
}
