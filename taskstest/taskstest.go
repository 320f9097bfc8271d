// Package taskstest helps to test programs with tasks: a queue and a worker inside the test's process, what was enqueued,
// and one task run inline.
//
// Everything works inside a testing/synctest bubble, where an hour's countdown takes no time.
package taskstest

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// A Queue is a [tasks.Sender] for tests: the queues of a registry, in memory, behind the real client.
type Queue struct {
	registry *tasks.Registry
	api      *emulator.SQS
	client   *sqsqueue.Client
	logger   *slog.Logger

	mu   sync.Mutex
	sent []tasks.Message
}

// New makes the queues of a registry, which end with the test. Nothing is worked until [Queue.Drain] or [Queue.Start].
func New(t testing.TB, r *tasks.Registry) *Queue {
	t.Helper()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	q := &Queue{registry: r, api: em.SQS(), logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	q.client, err = sqsqueue.New(q.api, sqsqueue.Config{Logger: q.logger})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqsqueue.Apply(t.Context(), q.client, r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.client.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// Send implements [tasks.Sender].
func (q *Queue) Send(ctx context.Context, msgs []tasks.Message) []error {
	errs := q.client.Send(ctx, msgs)
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, m := range msgs {
		if errs == nil || errs[i] == nil {
			q.sent = append(q.sent, m)
		}
	}
	return errs
}

// Start works the queues in the background until the test ends.
func (q *Queue) Start(t testing.TB) {
	t.Helper()
	stop := q.work(t)
	t.Cleanup(stop)
}

// Drain works the queues until they are empty, retries and countdowns included, or fails the test when the limit passes
// first.
func (q *Queue) Drain(t testing.TB, limit time.Duration) {
	t.Helper()
	stop := q.work(t)
	defer stop()
	for start := time.Now(); ; {
		left, waited := q.left(t), time.Since(start)
		if left == 0 {
			return
		}
		if waited >= limit {
			t.Fatalf("after %v %d messages are still in the queues", limit, left)
		}
		// Look more rarely the longer it takes: an hour in a bubble would be 360,000 looks otherwise.
		<-time.After(min(max(10*time.Millisecond, waited/50), limit-waited))
	}
}

func (q *Queue) work(t testing.TB) (stop func()) {
	t.Helper()
	w, err := sqsqueue.NewWorker(q.client, q.registry, sqsqueue.WorkerConfig{Logger: q.logger, ShutdownTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	}
}

// left counts the messages that are not worked yet.
func (q *Queue) left(t testing.TB) int {
	t.Helper()
	depths, err := sqsqueue.Depths(t.Context(), q.client, q.registry)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range depths {
		n += d.Waiting + d.Delayed + d.InFlight
	}
	return n
}

// A DeadLetter is a job that failed for good.
type DeadLetter struct {
	Job      tasks.Job
	Params   json.RawMessage
	Reason   tasks.Reason
	Error    string
	Attempts int
}

// DeadLetters takes the dead letters of all queues.
func (q *Queue) DeadLetters(t testing.TB) []DeadLetter {
	t.Helper()
	var letters []DeadLetter
	for _, spec := range q.registry.Queues() {
		url, err := q.client.URL(t.Context(), sqsqueue.DeadLetterQueue(spec.Name))
		if err != nil {
			t.Fatal(err)
		}
		for {
			out, err := q.api.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
				QueueUrl: aws.String(url), MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, VisibilityTimeout: 43200,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Messages) == 0 {
				break
			}
			for _, m := range out.Messages {
				letters = append(letters, deadLetter(spec.Name, m))
			}
		}
	}
	return letters
}

func deadLetter(queue string, m types.Message) DeadLetter {
	text := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	attempts, _ := strconv.Atoi(text(sqsqueue.AttributeAttempts)) // missing where SQS itself moved the message
	letter := DeadLetter{
		Job:    tasks.Job{ID: text(sqsqueue.AttributeJobID), Queue: queue},
		Reason: tasks.Reason(text(sqsqueue.AttributeReason)), Error: text(sqsqueue.AttributeError), Attempts: attempts,
	}
	if env, err := tasks.DecodeEnvelope([]byte(aws.ToString(m.Body))); err == nil {
		letter.Job.Task, letter.Params = env.Task, env.Params
	}
	return letter
}

// A Call is one enqueued job of a task.
type Call[P any] struct {
	Job    tasks.Job
	Params P
	// Countdown is how long the job was told to wait.
	Countdown time.Duration
}

// Enqueued returns the jobs of a task that were enqueued so far, in order.
func Enqueued[P, R any](t testing.TB, q *Queue, task *tasks.Task[P, R]) []Call[P] {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	var calls []Call[P]
	for _, m := range q.sent {
		if m.Envelope.Task != task.Name() {
			continue
		}
		c := Call[P]{Job: tasks.Job{ID: m.Envelope.ID, Task: m.Envelope.Task, Queue: m.Queue}, Countdown: m.Delay}
		var err error
		if c.Params, err = task.DecodeParams(m.Envelope.Params); err != nil {
			t.Fatalf("job %s: %v", c.Job.ID, err)
		}
		calls = append(calls, c)
	}
	return calls
}

// RequireEnqueued fails the test unless a job of the task was enqueued with exactly these parameters, and returns the
// first such job. Parameters are compared as they arrive, after their way through JSON.
func RequireEnqueued[P, R any](t testing.TB, q *Queue, task *tasks.Task[P, R], want P) Call[P] {
	t.Helper()
	arrives, text := throughJSON(t, task, want)
	calls := Enqueued(t, q, task)
	var others []string
	for _, c := range calls {
		if reflect.DeepEqual(c.Params, arrives) {
			return c
		}
		_, other := throughJSON(t, task, c.Params)
		others = append(others, other)
	}
	if len(others) == 0 {
		t.Fatalf("no job of task %q was enqueued; want one with %s", task.Name(), text)
	}
	t.Fatalf("no job of task %q was enqueued with %s; there are %s", task.Name(), text, strings.Join(others, ", "))
	return Call[P]{}
}

// throughJSON sends parameters on the way that those of a job take.
func throughJSON[P, R any](t testing.TB, task *tasks.Task[P, R], p P) (arrives P, text string) {
	t.Helper()
	q := &recorder{}
	_, err := task.Delay(t.Context(), q, p)
	if err == nil {
		arrives, err = task.DecodeParams(q.message.Envelope.Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	return arrives, string(q.message.Envelope.Params)
}

// Run runs a task once, inline, as a worker would: its parameters go through JSON, the registry's middleware surrounds
// it, its timeout holds, and a panic is a [*tasks.PanicError]. The error is what the function returned; nothing is
// retried.
func Run[P, R any](t testing.TB, r *tasks.Registry, task *tasks.Task[P, R], params P) (R, error) {
	t.Helper()
	var none R
	q := &recorder{}
	job, err := task.Delay(t.Context(), q, params)
	if err != nil {
		return none, err
	}
	body, err := q.message.Envelope.Encode()
	if err != nil {
		return none, err
	}
	executor, err := tasks.NewExecutor(r, tasks.ExecutorConfig{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		return none, err
	}
	out := executor.Execute(t.Context(), tasks.Delivery{Body: string(body), Queue: job.Queue, Attempt: 1})
	if out.Verdict != tasks.Done {
		return none, out.Err
	}
	result, _ := out.Result.(R) // a nil interface is R's zero value
	return result, nil
}

// recorder is a Sender that keeps the last message.
type recorder struct{ message tasks.Message }

func (q *recorder) Send(_ context.Context, msgs []tasks.Message) []error {
	q.message = msgs[0]
	return nil
}
