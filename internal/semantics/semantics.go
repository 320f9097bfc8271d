// Package semantics is one suite of what a task's author relies on: retries, delays, timeouts, dead letters, shutdown.
// Whatever works a queue runs all of it that can happen there, so that a job means the same on every runtime.
package semantics

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// A Backend is one runtime on one queue service.
type Backend struct {
	// Run calls test with what it needs, for fake time inside a synctest bubble.
	Run func(t *testing.T, test func(t *testing.T, e Env))
	// FakeTime lets cases wait for hours.
	FakeTime bool
	// Poller means that a process works the queue, which can be told to stop and which extends what it holds.
	Poller bool
	// Visibility is the visibility timeout that the runtime wants, where a case wants none.
	Visibility time.Duration
	// Only, if any, are the cases that are run, by group and name.
	Only []string
}

// Env is what one case works with.
type Env struct {
	API    sqsqueue.API
	Client *sqsqueue.Client
	// Work starts to work the default queue with the tasks of package workload, and the settings of the options; the queues
	// are there. stop returns when that has shut down, with what it says.
	Work func(t *testing.T, opts WorkOptions) (stop func() error)
}

// WorkOptions sets what some cases need of a runtime.
type WorkOptions struct {
	Concurrency     int
	Grace           time.Duration
	ShutdownTimeout time.Duration
	// Visibility is the queue's visibility timeout; the default is the tasks' own.
	Visibility time.Duration
}

// Registry is the tasks with the options' settings.
func (o WorkOptions) Registry() *tasks.Registry {
	if o.Visibility == 0 {
		return workload.Registry()
	}
	return workload.Registry(tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: o.Visibility})
}

// Run runs the suite.
func Run(t *testing.T, b Backend) {
	t.Helper()
	groups := map[string]map[string]func(*testing.T, *run){
		"outcome":  outcomes,
		"schedule": timings,
		"message":  messages,
		"runtime":  runtimes,
		"hostile":  hostile,
	}
	for group, cases := range groups {
		for name, test := range cases {
			if len(b.Only) > 0 && !slices.Contains(b.Only, group+"/"+name) {
				continue
			}
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				b.Run(t, func(t *testing.T, e Env) {
					test(t, &run{Env: e, backend: b, ctx: t.Context(), began: time.Now(), diary: diary{path: filepath.Join(dir, "diary")}})
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
	diary   diary
}

// start applies the queues and works them until the case ends, or stop is called.
func (r *run) start(t *testing.T, opts WorkOptions) (stop func() error) {
	t.Helper()
	if opts.Visibility == 0 {
		opts.Visibility = r.backend.Visibility
	}
	if _, err := sqsqueue.Apply(r.ctx, r.Client, opts.Registry()); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	var err error
	work := r.Work(t, opts)
	stop = func() error {
		once.Do(func() { err = work() })
		return err
	}
	t.Cleanup(func() {
		// Before the worker is stopped, or it would wait for them.
		if err := workload.Free(r.diary.path); err != nil {
			t.Error(err)
		}
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if r.backend.FakeTime {
			time.Sleep(time.Second) // nothing may be left in the bubble; abandoned functions look whether they are free
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

// raw sends a body to the default queue as another program would.
func (r *run) raw(t *testing.T, body string, attributes map[string]types.MessageAttributeValue) {
	t.Helper()
	out, err := r.API.SendMessageBatch(r.ctx, &sqs.SendMessageBatchInput{
		QueueUrl: aws.String(r.url(t, tasks.DefaultQueue)),
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
	letters := r.letters(t, 1, within)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	if got := attribute(letters[0], sqsqueue.AttributeReason); got != string(reason) {
		t.Errorf("reason %q, want %q", got, reason)
	}
	return letters[0]
}

// letters waits for at least so many dead letters of the default queue, and until that is empty.
func (r *run) letters(t *testing.T, n int, within time.Duration) (letters []types.Message) {
	t.Helper()
	r.await(t, "there are dead letters", within, func() bool {
		out, err := r.API.ReceiveMessage(r.ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(r.url(t, sqsqueue.DeadLetterQueue(tasks.DefaultQueue))), MaxNumberOfMessages: 10,
			MessageAttributeNames: []string{"All"}, VisibilityTimeout: 600,
		})
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, out.Messages...)
		return len(letters) >= n
	})
	// They were sent before the originals were deleted; those must be gone soon.
	r.drained(t)
	return letters
}

func attribute(m types.Message, name string) string {
	return aws.ToString(m.MessageAttributes[name].StringValue)
}

// diary is what the tasks noted.
type diary struct{ path string }

func (d diary) all(t *testing.T) []workload.Entry {
	t.Helper()
	entries, err := workload.Read(d.path)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// begun returns the entries at the beginnings of runs.
func (d diary) begun(t *testing.T) []workload.Entry {
	t.Helper()
	return slices.DeleteFunc(d.all(t), func(e workload.Entry) bool { return e.End })
}

func (d diary) count(t *testing.T) int {
	t.Helper()
	return len(d.begun(t))
}

// ended returns the first entry at the end of a run.
func (d diary) ended(t *testing.T) (workload.Entry, bool) {
	t.Helper()
	for _, e := range d.all(t) {
		if e.End {
			return e, true
		}
	}
	return workload.Entry{}, false
}

type params = workload.Params

// ran waits until so many runs have begun.
func (r *run) ran(t *testing.T, n int, within time.Duration) {
	t.Helper()
	r.await(t, fmt.Sprintf("%d runs began", n), within, func() bool { return r.diary.count(t) >= n })
}

// delay enqueues or fails the test.
func delay[R any](t *testing.T, r *run, task *tasks.Task[params, R], p params, opts ...tasks.DelayOption) tasks.Job {
	t.Helper()
	p.Diary = r.diary.path
	job, err := task.Delay(r.ctx, r.Client, p, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return job
}
