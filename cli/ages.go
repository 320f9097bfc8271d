package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/awsclient"
)

const (
	// agesKept is how long an answer of CloudWatch is used: SQS tells it each minute, and each question is paid for.
	agesKept = time.Minute
	// agesWindow is how far back values are looked for; a quiet queue has them later ("Available CloudWatch metrics for
	// Amazon SQS").
	agesWindow = 15 * time.Minute
	// maxMetrics is how many metrics one GetMetricData has.
	maxMetrics = 500
	// metricsTimeout bounds one request.
	metricsTimeout = 30 * time.Second
)

// metrics is what is asked of CloudWatch.
type metrics interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// ages asks CloudWatch how old the oldest messages are. It is an httpapi.Ages.
type ages struct {
	metrics metrics

	mu   sync.Mutex
	at   time.Time
	last map[string]time.Duration
	err  error
}

// newAges returns nil where the endpoint is not AWS's own, since CloudWatch knows nothing of other queues.
func newAges(cfg aws.Config, queues *sqs.Client) *ages {
	if !ofAWS(queues.Options().BaseEndpoint) {
		return nil
	}
	return &ages{metrics: cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		o.HTTPClient = awsclient.HTTP(cfg.HTTPClient, metricsTimeout)
	})}
}

// ofAWS reports whether an endpoint is AWS's: none is set, or it is one of its names.
func ofAWS(endpoint *string) bool {
	if aws.ToString(endpoint) == "" {
		return true
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return false
	}
	for _, domain := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), domain) {
			return true
		}
	}
	return false
}

// OldestMessages returns the latest values that CloudWatch has. A failure, too, stands for a minute.
func (a *ages) OldestMessages(ctx context.Context, queues []string) (map[string]time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); a.at.IsZero() || now.Sub(a.at) >= agesKept {
		a.last, a.err = a.ask(ctx, queues, now)
		a.at = now
	}
	return a.last, a.err
}

func (a *ages) ask(ctx context.Context, queues []string, now time.Time) (map[string]time.Duration, error) {
	found := map[string]time.Duration{}
	for start := 0; start < len(queues); start += maxMetrics {
		part := queues[start:min(start+maxMetrics, len(queues))]
		in := &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(now.Add(-agesWindow)), EndTime: aws.Time(now), ScanBy: types.ScanByTimestampDescending,
		}
		for i, name := range part {
			in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
				Id: aws.String("q" + strconv.Itoa(i)),
				MetricStat: &types.MetricStat{
					Period: aws.Int32(60), Stat: aws.String("Maximum"), Metric: &types.Metric{
						Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateAgeOfOldestMessage"),
						Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String(name)}},
					},
				},
			})
		}
		for pages := cloudwatch.NewGetMetricDataPaginator(a.metrics, in); pages.HasMorePages(); {
			out, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("ask CloudWatch for ApproximateAgeOfOldestMessage (needs the permission cloudwatch:GetMetricData): %w", err)
			}
			for _, r := range out.MetricDataResults {
				i, err := strconv.Atoi(strings.TrimPrefix(aws.ToString(r.Id), "q"))
				if err != nil || i < 0 || i >= len(part) || len(r.Values) == 0 {
					continue
				}
				if _, known := found[part[i]]; !known { // the latest value comes first
					found[part[i]] = time.Duration(r.Values[0] * float64(time.Second))
				}
			}
		}
	}
	return found, nil
}
