package lambdaworker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

const arn = "arn:aws:sqs:eu-central-1:123456789012:staging-default"

// api notes what a handler asks of SQS. Everything succeeds, unless fail says otherwise.
type api struct {
	sqsqueue.API // nil: nothing else is called

	fail func(op string) error
	wait time.Duration // how long each request takes

	mu      sync.Mutex
	asked   []string // names that a URL was asked for
	hidden  []int    // the seconds of each change
	handles []string
	changes []int // entries of each request
	sent    []types.SendMessageBatchRequestEntry
	sentTo  []string
	atOnce  int
	most    int
}

func (a *api) begin(op string) (end func(), err error) {
	a.mu.Lock()
	a.atOnce++
	a.most = max(a.most, a.atOnce)
	a.mu.Unlock()
	time.Sleep(a.wait)
	if a.fail != nil {
		err = a.fail(op)
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.atOnce--
	}, err
}

func (a *api) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	end, err := a.begin("url")
	defer end()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, *in.QueueName)
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String("https://asked/" + *in.QueueName)}, err
}

func (a *api) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	end, err := a.begin("hide")
	defer end()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes = append(a.changes, len(in.Entries))
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		a.hidden = append(a.hidden, int(e.VisibilityTimeout))
		a.handles = append(a.handles, *e.ReceiptHandle)
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (a *api) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	end, err := a.begin("send")
	defer end()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		a.sent = append(a.sent, e)
		a.sentTo = append(a.sentTo, *in.QueueUrl)
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// requests is how many requests were made.
func (a *api) requests() int { return len(a.asked) + len(a.changes) + len(a.sent) }

// lines collects a handler's log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// function is a handler with what it is tested by.
type function struct {
	*testing.T
	api     *api
	log     *lines
	handler *lambdaworker.Handler
}

func newFunction(t *testing.T, r *tasks.Registry, opts ...lambdaworker.Option) *function {
	t.Helper()
	f := &function{T: t, api: &api{}, log: &lines{}}
	logger := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	f.handler, err = lambdaworker.New(r, append([]lambdaworker.Option{lambdaworker.SQS(f.api), lambdaworker.Logger(logger)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// invoke works records within the function's timeout, and returns the messages that are reported as failed.
func (f *function) invoke(timeout time.Duration, records ...events.SQSMessage) []string {
	f.Helper()
	payload, err := json.Marshal(events.SQSEvent{Records: records})
	if err != nil {
		f.Fatal(err)
	}
	ctx := lambdacontext.NewContext(f.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	answer, err := f.handler.Invoke(ctx, payload)
	if err != nil {
		f.Fatal(err)
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		f.Fatalf("%s: %v", answer, err)
	}
	failed := []string{}
	for _, item := range response.BatchItemFailures {
		failed = append(failed, item.ItemIdentifier)
	}
	return failed
}

func (f *function) wantFailed(got []string, want ...string) {
	f.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.Errorf("failed %v, want %v\n%s", got, want, f.log)
	}
}

func (f *function) wantHidden(want ...int) {
	f.Helper()
	got := slices.Clone(f.api.hidden)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.Errorf("hidden for %v s, want %v", got, want)
	}
}

type params struct {
	N int `json:"n"`
}

// job is a message of a task, the id being also its place.
func job(task string, n int) events.SQSMessage {
	return record(n, fmt.Sprintf(`{"v":1,"id":"job-%d","task":%q,"params":{"n":%d}}`, n, task, n))
}

func record(n int, body string) events.SQSMessage {
	return events.SQSMessage{
		MessageId: "m" + strconv.Itoa(n), ReceiptHandle: "h" + strconv.Itoa(n), Body: body,
		Attributes:  map[string]string{"ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": strconv.FormatInt(time.Now().UnixMilli(), 10)},
		EventSource: "aws:sqs", EventSourceARN: arn, AWSRegion: "eu-central-1",
	}
}
