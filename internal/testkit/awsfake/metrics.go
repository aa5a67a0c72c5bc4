package awsfake

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// Datum is a value that was published.
type Datum struct {
	Namespace, Name, Unit string
	Dimensions            map[string]string
	Value                 float64
	At                    time.Time
	Resolution            int
	Request               int // which of all requests it came in

	came time.Time
}

// Data returns all that was published.
func (f *Fake) Data() []Datum {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Datum(nil), f.data...)
}

func groupOnly(name string) map[string]string {
	return map[string]string{"AutoScalingGroupName": name}
}

// seriesOf names a metric with exactly those dimensions: CloudWatch adds nothing up over others.
func seriesOf(namespace, name string, dimensions map[string]string) string {
	all := []string{namespace, name}
	for _, d := range slices.Sorted(maps.Keys(dimensions)) {
		all = append(all, d, dimensions[d])
	}
	return strings.Join(all, "\x00")
}

// points returns the means of the newest n whole periods, oldest first; NaN where nothing was
// published that shows by now.
func (f *Fake) points(series string, period time.Duration, n int, now time.Time, delay time.Duration) []float64 {
	end := now.Truncate(period)
	begin := end.Add(-time.Duration(n) * period)
	sums, counts := make([]float64, n), make([]int, n)
	for _, d := range slices.Backward(f.series[series]) {
		if d.came.Before(begin) {
			break // what came before cannot be of it, but for clocks that are ahead
		}
		if !d.At.Before(begin) && d.At.Before(end) && !d.came.Add(delay).After(now) {
			i := int(d.At.Sub(begin) / period)
			sums[i] += d.Value
			counts[i]++
		}
	}
	for i := range sums {
		if counts[i] == 0 {
			sums[i] = math.NaN()
			continue
		}
		sums[i] /= float64(counts[i])
	}
	return sums
}

// put keeps the data of a request.
func (i Instance) put(top cbor.Map) (code, says string) {
	list, _ := top["MetricData"].(cbor.List)
	if len(list) == 0 || len(list) > 1000 {
		return "InvalidParameterValue", fmt.Sprintf("%d values in a request", len(list))
	}
	for _, v := range list {
		m, _ := v.(cbor.Map)
		d := Datum{Namespace: text(top["Namespace"]), Name: text(m["MetricName"]), Unit: text(m["Unit"]), Dimensions: dimensions(m["Dimensions"]), Request: i.requests["PutMetricData"], came: time.Now()}
		d.Value, d.Resolution, d.At = number(m["Value"]), int(number(m["StorageResolution"])), moment(m["Timestamp"])
		if d.At.IsZero() {
			d.At = d.came
		}
		i.data = append(i.data, d)
		s := seriesOf(d.Namespace, d.Name, d.Dimensions)
		i.series[s] = append(i.series[s], d)
	}
	return "", ""
}

// cbor answers as CloudWatch; code is what is wrong already, if anything is.
func (i Instance) cbor(w http.ResponseWriter, r *http.Request, name, code, says string) {
	answer := cbor.Map{}
	if code == "" {
		answer, code, says = i.watch(r, name)
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	if code != "" {
		w.Header().Set("X-Amzn-Query-Error", code+";Sender")
		w.WriteHeader(status(code))
		answer = cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + code), "message": cbor.String(says)}
	}
	_, _ = w.Write(cbor.Encode(answer)) // who asked may be gone
}

// watch does what CloudWatch is asked for.
func (i Instance) watch(r *http.Request, name string) (answer cbor.Map, code, says string) {
	if r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || !strings.Contains(r.URL.Path, "/operation/") {
		return nil, "InvalidAction", "this fake knows RPC v2 CBOR"
	}
	body, err := body(r)
	if err != nil {
		return nil, "SerializationException", err.Error()
	}
	v, err := cbor.Decode(body)
	top, ok := v.(cbor.Map)
	if err != nil || !ok {
		return nil, "SerializationException", "the body is no map"
	}
	switch name {
	case "PutMetricData":
		code, says = i.put(top)
		return cbor.Map{}, code, says
	case "DescribeAlarms":
		return i.describeAlarms(top), "", ""
	case "DescribeAlarmHistory":
		return i.alarmHistory(top), "", ""
	case "GetMetricStatistics":
		return i.statistics(top)
	case "GetMetricData":
		return i.metricData(top)
	}
	return nil, "InvalidAction", "this fake does not know " + name
}

func dimensions(v cbor.Value) map[string]string {
	out := map[string]string{}
	list, _ := v.(cbor.List)
	for _, v := range list {
		pair, _ := v.(cbor.Map)
		out[text(pair["Name"])] = text(pair["Value"])
	}
	return out
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

// moment reads a time; zero for none.
func moment(v cbor.Value) time.Time {
	if tag, ok := v.(*cbor.Tag); ok {
		return time.UnixMilli(int64(math.Round(number(tag.Value) * 1000)))
	}
	return time.Time{}
}

func instant(t time.Time) cbor.Value {
	return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(t.UnixMilli()) / 1000)}
}
