package sqsqueue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// errDown is what a request gets that a test makes fail.
var errDown = &smithy.OperationError{ServiceID: "SQS", OperationName: "Test", Err: &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "down"}}

// hook stands in the way of one method. It calls next to let the request through.
type hook[In, Out any] func(ctx context.Context, in *In, next func(context.Context) (*Out, error)) (*Out, error)

// refuse fails every request.
func refuse[In, Out any](context.Context, *In, func(context.Context) (*Out, error)) (*Out, error) {
	return nil, errDown
}

// api is the emulator with a log of its calls and with hooks.
type api struct {
	sqsqueue.API

	mu    sync.Mutex
	calls []apiCall

	url     hook[sqs.GetQueueUrlInput, sqs.GetQueueUrlOutput]
	send    hook[sqs.SendMessageBatchInput, sqs.SendMessageBatchOutput]
	receive hook[sqs.ReceiveMessageInput, sqs.ReceiveMessageOutput]
	remove  hook[sqs.DeleteMessageBatchInput, sqs.DeleteMessageBatchOutput]
	change  hook[sqs.ChangeMessageVisibilityBatchInput, sqs.ChangeMessageVisibilityBatchOutput]
}

// apiCall is one request: "send to default of 3 entries".
type apiCall struct {
	op      string
	queue   string
	entries int
	at      time.Time
}

func (a *api) count(op, queue string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, c := range a.calls {
		if c.op == op && (queue == "" || c.queue == queue) {
			n++
		}
	}
	return n
}

func (a *api) log() []apiCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]apiCall(nil), a.calls...)
}

// set changes hooks while others may be calling.
func (a *api) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func through[In, Out any](
	ctx context.Context, a *api, op string, queue *string, entries int, h *hook[In, Out], in *In,
	next func(context.Context, *In, ...func(*sqs.Options)) (*Out, error),
) (*Out, error) {
	name := aws.ToString(queue)
	name = name[strings.LastIndex(name, "/")+1:]
	a.mu.Lock()
	a.calls = append(a.calls, apiCall{op: op, queue: name, entries: entries, at: time.Now()})
	var run hook[In, Out]
	if h != nil {
		run = *h
	}
	a.mu.Unlock()
	if run == nil {
		return next(ctx, in)
	}
	return run(ctx, in, func(ctx context.Context) (*Out, error) { return next(ctx, in) })
}

func (a *api) GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	return through(ctx, a, "url", in.QueueName, 0, &a.url, in, a.API.GetQueueUrl)
}

func (a *api) CreateQueue(ctx context.Context, in *sqs.CreateQueueInput, _ ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error) {
	return through(ctx, a, "create", in.QueueName, 0, nil, in, a.API.CreateQueue)
}

func (a *api) SetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error) {
	return through(ctx, a, "set", in.QueueUrl, len(in.Attributes), nil, in, a.API.SetQueueAttributes)
}

func (a *api) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return through(ctx, a, "send", in.QueueUrl, len(in.Entries), &a.send, in, a.API.SendMessageBatch)
}

func (a *api) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	return through(ctx, a, "receive", in.QueueUrl, 0, &a.receive, in, a.API.ReceiveMessage)
}

func (a *api) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	return through(ctx, a, "delete", in.QueueUrl, len(in.Entries), &a.remove, in, a.API.DeleteMessageBatch)
}

func (a *api) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return through(ctx, a, "change", in.QueueUrl, len(in.Entries), &a.change, in, a.API.ChangeMessageVisibilityBatch)
}

// logBook keeps what was logged.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

// env is what a test in a bubble works with: an emulator in memory behind hooks, and a client.
type env struct {
	*testing.T
	em     *emulator.SQS
	api    *api
	client *sqsqueue.Client
	logs   *logBook
}

// bubble runs a test in parallel, with fake time. That it ends proves that no goroutine of it is left.
func bubble(t *testing.T, test func(e *env)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		em, err := emulator.Open(emulator.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := em.Close(); err != nil {
				t.Error(err)
			}
		})
		e := &env{T: t, em: em.SQS(), api: &api{API: em.SQS()}, logs: &logBook{}}
		e.client = e.newClient(sqsqueue.Config{})
		test(e)
	})
}

func (e *env) newClient(cfg sqsqueue.Config) *sqsqueue.Client {
	e.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(e.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := sqsqueue.New(e.api, cfg)
	if err != nil {
		e.Fatal(err)
	}
	return c
}

func (e *env) apply(definitions ...tasks.Definition) *tasks.Registry {
	e.Helper()
	r := tasks.NewRegistry(definitions...)
	if _, err := sqsqueue.Apply(e.Context(), e.client, r); err != nil {
		e.Fatal(err)
	}
	return r
}

// work starts a worker. The test stops it; one that is still running at its end is stopped then.
func (e *env) work(r *tasks.Registry, cfg sqsqueue.WorkerConfig) (stop func() error) {
	e.Helper()
	w, err := sqsqueue.NewWorker(e.client, r, cfg)
	if err != nil {
		e.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	e.Cleanup(func() { _ = stop() })
	return stop
}

// enqueue puts n jobs on a task's queue.
func enqueue[R any](e *env, task *tasks.Task[int, R], n int) []tasks.Job {
	e.Helper()
	params := make([]int, n)
	for i := range params {
		params[i] = i
	}
	jobs, err := task.DelayMany(e.Context(), e.client, params)
	if err != nil {
		e.Fatal(err)
	}
	return jobs
}

// depth counts the messages of a queue that wait and those in flight.
func (e *env) depth(queue string) (waiting, inFlight int) {
	e.Helper()
	attrs := e.attributes(queue)
	number := func(name types.QueueAttributeName) int {
		n, err := strconv.Atoi(attrs[string(name)])
		if err != nil {
			e.Fatal(err)
		}
		return n
	}
	return number(types.QueueAttributeNameApproximateNumberOfMessages), number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
}

func (e *env) wantDepth(queue string, waiting, inFlight int) {
	e.Helper()
	if w, f := e.depth(queue); w != waiting || f != inFlight {
		e.Errorf("queue %s: %d messages wait and %d are in flight, want %d and %d", queue, w, f, waiting, inFlight)
	}
}

func (e *env) queueURL(queue string) *string {
	e.Helper()
	out, err := e.em.GetQueueUrl(e.Context(), &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		e.Fatal(err)
	}
	return out.QueueUrl
}

func (e *env) attributes(queue string) map[string]string {
	e.Helper()
	out, err := e.em.GetQueueAttributes(e.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: e.queueURL(queue), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		e.Fatal(err)
	}
	return out.Attributes
}

// takeAll receives what waits in a queue, and keeps it hidden.
func (e *env) takeAll(queue string) []types.Message {
	e.Helper()
	var all []types.Message
	for {
		out, err := e.em.ReceiveMessage(e.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: e.queueURL(queue), MaxNumberOfMessages: 10, VisibilityTimeout: 43200, MessageAttributeNames: []string{"All"},
		})
		if err != nil {
			e.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		all = append(all, out.Messages...)
	}
}

// tally counts runs, in all and at once.
type tally struct {
	mu              sync.Mutex
	total, now, top int
}

func (c *tally) enter() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.now++
	c.top = max(c.top, c.now)
	return c.total
}

func (c *tally) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

// peak is the most runs that there were at once.
func (c *tally) peak() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.top
}

func (c *tally) runs() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// taking defines a task that takes that long, and counts its runs.
func taking(name string, d time.Duration, c *tally, opts ...tasks.Option) *tasks.Task[int, int] {
	return tasks.Define(name, func(ctx context.Context, n int) (int, error) {
		c.enter()
		defer c.leave()
		select {
		case <-time.After(d):
			return n, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, opts...)
}

// isQueueError reports whether an error says what was tried on the default queue.
func isQueueError(err error, op string) bool {
	own, ok := errors.AsType[*sqsqueue.Error](err)
	return ok && own.Op == op && own.Queue == tasks.DefaultQueue
}
