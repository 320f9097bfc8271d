package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// fakeMetrics has values by queue, the latest first.
type fakeMetrics struct {
	values map[string][]float64
	err    error
	asked  int
}

func (f *fakeMetrics) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	f.asked++
	if f.err != nil {
		return nil, f.err
	}
	if n := len(in.MetricDataQueries); n > 500 {
		return nil, fmt.Errorf("%d queries", n)
	}
	if got := in.EndTime.Sub(*in.StartTime); got != 15*time.Minute || in.ScanBy != types.ScanByTimestampDescending {
		return nil, fmt.Errorf("asked for %v, %v", got, in.ScanBy)
	}
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		m := q.MetricStat.Metric
		if *m.Namespace != "AWS/SQS" || *m.MetricName != "ApproximateAgeOfOldestMessage" || *m.Dimensions[0].Name != "QueueName" {
			return nil, fmt.Errorf("asked for %s %s", *m.Namespace, *m.MetricName)
		}
		out.MetricDataResults = append(out.MetricDataResults, types.MetricDataResult{Id: q.Id, Values: f.values[*m.Dimensions[0].Value]})
	}
	return out, nil
}

func TestAgesFromCloudWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeMetrics{values: map[string][]float64{"default": {90, 30}, "low": {0}}}
		a := &ages{metrics: f}
		queues := []string{"default", "low", "silent"}
		want := map[string]time.Duration{"default": 90 * time.Second, "low": 0}
		for range 3 {
			if got, err := a.OldestMessages(t.Context(), queues); err != nil || !maps.Equal(got, want) {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
			time.Sleep(19 * time.Second)
		}
		if f.asked != 1 {
			t.Errorf("asked %d times within a minute", f.asked)
		}
		time.Sleep(time.Minute)
		f.err = errors.New("denied")
		for range 2 {
			if got, err := a.OldestMessages(t.Context(), queues); err == nil || got != nil || !strings.Contains(err.Error(), "cloudwatch:GetMetricData") {
				t.Errorf("%v, %v", got, err)
			}
		}
		if f.asked != 2 {
			t.Errorf("asked %d times: a failure is to stand for a minute too", f.asked)
		}
		many := &fakeMetrics{values: map[string][]float64{"q1200": {7}}}
		var names []string
		for i := range 1201 {
			names = append(names, fmt.Sprintf("q%d", i))
		}
		got, err := (&ages{metrics: many}).OldestMessages(t.Context(), names)
		if err != nil || many.asked != 3 || !maps.Equal(got, map[string]time.Duration{"q1200": 7 * time.Second}) {
			t.Errorf("%v, %v after %d requests", got, err, many.asked)
		}
	})
}

func TestAgesOnlyOfAWS(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{
		"": true, "https://sqs.eu-west-1.amazonaws.com": true, "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com": true,
		"https://sqs.cn-north-1.amazonaws.com.cn": true, "https://sqs.us-east-1.api.aws": true,
		"http://127.0.0.1:4566": false, "http://localstack:4566": false, "https://amazonaws.com.evil.example": false, "%": false,
	} {
		cfg := aws.Config{Region: "us-east-1"}
		client := sqs.NewFromConfig(cfg, func(o *sqs.Options) {
			if endpoint != "" {
				o.BaseEndpoint = &endpoint
			}
		})
		if got := newAges(cfg, client) != nil; got != want {
			t.Errorf("%q: %v, want %v", endpoint, got, want)
		}
	}
}
