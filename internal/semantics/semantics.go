// Package semantics is one suite of what a task's author relies on: retries, delays, timeouts, dead letters, shutdown.
// Whatever works a queue runs all of it, so that a job means the same on every runtime.
package semantics

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// A Backend is one runtime on one queue service.
type Backend struct {
	// Run calls test with what it needs, for fake time inside a synctest bubble.
	Run func(t *testing.T, test func(t *testing.T, e Env))
	// FakeTime lets cases wait for hours.
	FakeTime bool
	// Poller means that a process works the queue, which can be told to stop.
	Poller bool
}

// Env is what one case works with.
type Env struct {
	API    sqsqueue.API
	Client *sqsqueue.Client
	// Work starts to work the registry's queues; stop returns when that has shut down, with what it says.
	Work func(t *testing.T, r *tasks.Registry, opts WorkOptions) (stop func() error)
}

// WorkOptions sets what some cases need of a runtime.
type WorkOptions struct {
	Concurrency     int
	Grace           time.Duration
	ShutdownTimeout time.Duration
}

// Run runs the suite.
func Run(t *testing.T, b Backend) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, *run){
		"outcome":  outcomes,
		"schedule": timings,
		"message":  messages,
		"runtime":  runtimes,
	}
	for group, cases := range groups {
		for name, test := range cases {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				b.Run(t, func(t *testing.T, e Env) {
					test(t, &run{Env: e, backend: b, ctx: t.Context(), began: time.Now()})
				})
			})
		}
	}
}

// run is one case under way.
type run struct {
	Env
	backend Backend
	ctx     context.Context
	began   time.Time
}

// start applies the registry's queues and works them until the case ends, or stop is called.
func (r *run) start(t *testing.T, opts WorkOptions, definitions ...tasks.Definition) (stop func() error) {
	t.Helper()
	return r.startRegistry(t, opts, tasks.NewRegistry(definitions...))
}

func (r *run) startRegistry(t *testing.T, opts WorkOptions, registry *tasks.Registry) (stop func() error) {
	t.Helper()
	if _, err := sqsqueue.Apply(r.ctx, r.Client, registry); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	var err error
	work := r.Work(t, registry, opts)
	stop = func() error {
		once.Do(func() { err = work() })
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return stop
}

// patience bounds each wait of a case.
const patience = 40 * time.Second

// await looks until the condition holds.
func (r *run) await(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	look := time.NewTicker(max(limit/1000, 25*time.Millisecond))
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %v in vain until %s", limit, what)
		}
	}
}

// raw sends a body as another program would.
func (r *run) raw(t *testing.T, queue, body string, attributes map[string]types.MessageAttributeValue) {
	t.Helper()
	out, err := r.API.SendMessageBatch(r.ctx, &sqs.SendMessageBatchInput{
		QueueUrl: aws.String(r.url(t, queue)),
		Entries:  []types.SendMessageBatchRequestEntry{{Id: aws.String("0"), MessageBody: aws.String(body), MessageAttributes: attributes}},
	})
	if err != nil || len(out.Failed) > 0 {
		t.Fatalf("send: %v %+v", err, out)
	}
}

func (r *run) url(t *testing.T, queue string) string {
	t.Helper()
	url, err := r.Client.URL(r.ctx, queue)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// counts returns the messages of a queue that wait, are in flight, and are delayed.
func (r *run) counts(t *testing.T, queue string) (waiting, inFlight, delayed int) {
	t.Helper()
	out, err := r.API.GetQueueAttributes(r.ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(r.url(t, queue)), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	number := func(name types.QueueAttributeName) int {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			t.Fatalf("%s of queue %s: %v", name, queue, err)
		}
		return n
	}
	return number(types.QueueAttributeNameApproximateNumberOfMessages),
		number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		number(types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
}

// drained waits until the default queue holds nothing at all.
func (r *run) drained(t *testing.T) {
	t.Helper()
	r.await(t, "the queue is empty", patience, func() bool {
		waiting, inFlight, delayed := r.counts(t, tasks.DefaultQueue)
		return waiting+inFlight+delayed == 0
	})
}

// dead waits for one dead letter of the default queue and checks its reason.
func (r *run) dead(t *testing.T, within time.Duration, reason tasks.Reason) types.Message {
	t.Helper()
	var letters []types.Message
	r.await(t, "there is a dead letter", within, func() bool {
		out, err := r.API.ReceiveMessage(r.ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(r.url(t, sqsqueue.DeadLetterQueue(tasks.DefaultQueue))), MaxNumberOfMessages: 10,
			MessageAttributeNames: []string{"All"}, VisibilityTimeout: 600,
		})
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, out.Messages...)
		return len(letters) > 0
	})
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	if got := attribute(letters[0], sqsqueue.AttributeReason); got != string(reason) {
		t.Errorf("reason %q, want %q", got, reason)
	}
	// It was sent before the original was deleted; the original must be gone soon.
	r.drained(t)
	return letters[0]
}

func attribute(m types.Message, name string) string {
	return aws.ToString(m.MessageAttributes[name].StringValue)
}

// diary records the runs of a task.
type diary struct {
	mu   sync.Mutex
	runs []entry
}

type entry struct {
	at      time.Time
	attempt tasks.Attempt
}

func (d *diary) note(ctx context.Context) tasks.Attempt {
	a, _ := tasks.Current(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs = append(d.runs, entry{at: time.Now(), attempt: a})
	return a
}

func (d *diary) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.runs)
}

func (d *diary) all() []entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]entry(nil), d.runs...)
}

// params is what most cases pass.
type params struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// delay enqueues or fails the test.
func delay[R any](t *testing.T, r *run, task *tasks.Task[params, R], p params, opts ...tasks.DelayOption) tasks.Job {
	t.Helper()
	job, err := task.Delay(r.ctx, r.Client, p, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return job
}
