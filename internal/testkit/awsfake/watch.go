package awsfake

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"livedub/internal/testkit/asg"
)

// words reads a list of texts.
func words(v cbor.Value) []string {
	var out []string
	list, _ := v.(cbor.List)
	for _, v := range list {
		out = append(out, text(v))
	}
	return out
}

func dimensionList(of map[string]string) cbor.List {
	var out cbor.List
	for name, value := range of {
		out = append(out, cbor.Map{"Name": cbor.String(name), "Value": cbor.String(value)})
	}
	return out
}

// describeAlarms is DescribeAlarms, of those of policies.
func (f *Fake) describeAlarms(top cbor.Map) cbor.Map {
	names := words(top["AlarmNames"])
	out := cbor.List{}
	for _, g := range f.sorted() {
		for _, a := range g.alarms {
			if len(names) > 0 && !slices.Contains(names, a.name) || !strings.HasPrefix(a.name, text(top["AlarmNamePrefix"])) || text(top["StateValue"]) != "" && text(top["StateValue"]) != string(a.state) {
				continue
			}
			compare := "GreaterThanOrEqualToThreshold"
			threshold := a.Threshold
			switch {
			case a.Below:
				compare = "LessThanThreshold"
			case a.policy.Target > 0:
				compare, threshold = "GreaterThanThreshold", a.policy.Target
			}
			out = append(out, cbor.Map{
				"AlarmName": cbor.String(a.name), "AlarmArn": cbor.String(arn("cloudwatch", "alarm:"+a.name)), "ActionsEnabled": cbor.Bool(true),
				"AlarmActions": cbor.List{cbor.String(arn("autoscaling", "scalingPolicy:fake:policyName/"+a.policy.Name))},
				"StateValue":   cbor.String(a.state), "StateUpdatedTimestamp": instant(a.since), "StateTransitionedTimestamp": instant(a.since),
				"Namespace": cbor.String(a.policy.Namespace), "MetricName": cbor.String(a.policy.Metric), "Statistic": cbor.String("Average"), "Dimensions": dimensionList(groupOnly(g.Name)),
				"Period": cbor.Uint(a.Period.Seconds()), "EvaluationPeriods": cbor.Uint(a.Periods), "DatapointsToAlarm": cbor.Uint(a.ToAlarm),
				"Threshold": cbor.Float64(threshold), "ComparisonOperator": cbor.String(compare), "TreatMissingData": cbor.String(a.Missing),
			})
		}
	}
	return cbor.Map{"MetricAlarms": out, "CompositeAlarms": cbor.List{}}
}

// alarmHistory is DescribeAlarmHistory: the changes of state, the newest first unless asked otherwise.
func (f *Fake) alarmHistory(top cbor.Map) cbor.Map {
	if kind := text(top["HistoryItemType"]); kind != "" && kind != "StateUpdate" {
		return cbor.Map{"AlarmHistoryItems": cbor.List{}}
	}
	type item struct {
		*alarm
		turn
	}
	var all []item
	from, to := moment(top["StartDate"]), moment(top["EndDate"])
	for _, g := range f.sorted() {
		for _, a := range g.alarms {
			if name := text(top["AlarmName"]); name != "" && name != a.name {
				continue
			}
			for _, t := range a.turns {
				if !t.at.Before(from) && (to.IsZero() || !t.at.After(to)) {
					all = append(all, item{a, t})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b item) int { return a.at.Compare(b.at) })
	if text(top["ScanBy"]) != "TimestampAscending" {
		slices.Reverse(all)
	}
	out := cbor.List{}
	for _, i := range all {
		data, _ := json.Marshal(map[string]any{ // texts always can be
			"version": "1.0", "oldState": map[string]asg.AlarmState{"stateValue": i.turn.from}, "newState": map[string]asg.AlarmState{"stateValue": i.turn.to},
		})
		out = append(out, cbor.Map{
			"AlarmName": cbor.String(i.name), "AlarmType": cbor.String("MetricAlarm"), "Timestamp": instant(i.at), "HistoryItemType": cbor.String("StateUpdate"),
			"HistorySummary": cbor.String(fmt.Sprintf("Alarm updated from %s to %s", i.turn.from, i.turn.to)), "HistoryData": cbor.String(data),
		})
	}
	return cbor.Map{"AlarmHistoryItems": out}
}

// bucket is one period of a metric.
type bucket struct {
	at            time.Time
	sum, min, max float64
	count         int
}

func (b bucket) of(statistic string) (float64, bool) {
	switch statistic {
	case "Average":
		return b.sum / float64(b.count), true
	case "Sum":
		return b.sum, true
	case "Minimum":
		return b.min, true
	case "Maximum":
		return b.max, true
	case "SampleCount":
		return float64(b.count), true
	}
	return 0, false
}

// buckets returns the periods of a metric that have data, oldest first.
func (f *Fake) buckets(series string, period time.Duration, from, to time.Time) []bucket {
	byTime := map[int64]*bucket{}
	var out []*bucket
	for _, d := range f.series[series] {
		if d.At.Before(from.Truncate(period)) || !d.At.Before(to) {
			continue
		}
		at := d.At.Truncate(period)
		b := byTime[at.UnixNano()]
		if b == nil {
			b = &bucket{at: at, min: math.Inf(1), max: math.Inf(-1)}
			byTime[at.UnixNano()] = b
			out = append(out, b)
		}
		b.sum, b.count, b.min, b.max = b.sum+d.Value, b.count+1, min(b.min, d.Value), max(b.max, d.Value)
	}
	slices.SortFunc(out, func(a, b *bucket) int { return a.at.Compare(b.at) })
	all := make([]bucket, len(out))
	for i, b := range out {
		all[i] = *b
	}
	return all
}

// period reads a period, which must be one that CloudWatch has.
func period(v cbor.Value) (time.Duration, bool) {
	s := int(number(v))
	return time.Duration(s) * time.Second, s == 1 || s == 5 || s == 10 || s == 20 || s == 30 || s > 0 && s%60 == 0
}

// statistics is GetMetricStatistics.
func (f *Fake) statistics(top cbor.Map) (answer cbor.Map, code, says string) {
	every, ok := period(top["Period"])
	if !ok {
		return nil, "InvalidParameterValue", "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60."
	}
	out := cbor.List{}
	for _, b := range f.buckets(seriesOf(text(top["Namespace"]), text(top["MetricName"]), dimensions(top["Dimensions"])), every, moment(top["StartTime"]), moment(top["EndTime"])) {
		point := cbor.Map{"Timestamp": instant(b.at)}
		for _, s := range words(top["Statistics"]) {
			if v, ok := b.of(s); ok {
				point[s] = cbor.Float64(v)
			}
		}
		out = append(out, point)
	}
	return cbor.Map{"Label": top["MetricName"], "Datapoints": out}, "", ""
}

// metricData is GetMetricData, of metrics without expressions.
func (f *Fake) metricData(top cbor.Map) (answer cbor.Map, code, says string) {
	results := cbor.List{}
	queries, _ := top["MetricDataQueries"].(cbor.List)
	for _, q := range queries {
		query, _ := q.(cbor.Map)
		stat, _ := query["MetricStat"].(cbor.Map)
		metric, _ := stat["Metric"].(cbor.Map)
		every, ok := period(stat["Period"])
		if !ok {
			return nil, "ValidationError", "this fake knows MetricStat with a period of 1, 5, 10, 20, 30 or a multiple of 60"
		}
		times, values := cbor.List{}, cbor.List{}
		all := f.buckets(seriesOf(text(metric["Namespace"]), text(metric["MetricName"]), dimensions(metric["Dimensions"])), every, moment(top["StartTime"]), moment(top["EndTime"]))
		if text(top["ScanBy"]) != "TimestampAscending" {
			slices.Reverse(all)
		}
		for _, b := range all {
			if v, ok := b.of(text(stat["Stat"])); ok {
				times, values = append(times, instant(b.at)), append(values, cbor.Float64(v))
			}
		}
		results = append(results, cbor.Map{"Id": query["Id"], "Label": metric["MetricName"], "StatusCode": cbor.String("Complete"), "Timestamps": times, "Values": values})
	}
	return cbor.Map{"MetricDataResults": results, "Messages": cbor.List{}}, "", ""
}
