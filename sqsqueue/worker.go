package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/deepstack"
	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

// Defaults of a worker.
const (
	// DefaultConcurrency is how many jobs a worker runs at once.
	DefaultConcurrency = 4
	// DefaultShutdownTimeout leaves five seconds of the thirty that ECS gives a container before it kills it.
	DefaultShutdownTimeout = 25 * time.Second
)

// WorkerConfig sets up a [Worker]; the zero value works all of the registry's queues.
type WorkerConfig struct {
	// Queues are the queues to work, with their weights. The default is every queue of the registry, each with weight 1.
	Queues []QueueWeight
	// Concurrency is how many jobs run at once; the default is [DefaultConcurrency].
	Concurrency int
	// ShutdownTimeout is how long Run may take to return once its context has ended; the default is
	// [DefaultShutdownTimeout], the least 1 s. Jobs that run by then are interrupted a little before, and given back. It
	// also bounds how long a receive waits, 20 s at the most, and so the number of requests of an idle worker.
	ShutdownTimeout time.Duration
	// Grace is how long a task may ignore its cancelled context; see [tasks.ExecutorConfig].
	Grace time.Duration
	// MaxVisibilityTimeout, if it is set, bounds the visibility timeout of every queue, from 5 s: jobs of a worker that was
	// killed run again after so long, at the price of more heartbeats. The default is each queue's own setting.
	MaxVisibilityTimeout time.Duration
	// Recorder is told of every attempt; results.NewRecorder makes one of a store. The default keeps no records.
	Recorder tasks.Recorder
	// Logger gets the life of each job and what happens in the background. The default is the client's.
	Logger *slog.Logger
}

// MaxWeight is the largest weight of a queue.
const MaxWeight = 1_000_000

// A QueueWeight is a queue and its share of the worker: while several queues have messages, a queue of weight 3 gets
// three times the slots of one of weight 1. Zero counts as 1; the largest is [MaxWeight].
type QueueWeight struct {
	Name   string
	Weight int
}

// A Worker receives jobs, runs them and acknowledges them. Make one with [NewWorker].
type Worker struct {
	client   *Client
	executor *tasks.Executor
	logger   *slog.Logger
	sources  []*source
	dispatch *dispatcher
	config   WorkerConfig

	polls tally // receives under way
	slots tally // runs under way
	acks  tally // fates being carried out
	held  leases

	quiet   atomic.Bool // StopFetching was called
	giving  sync.Mutex  // held while the dispatcher is stopped and what waited is given back
	hurry   context.Context
	stopNow context.CancelFunc // ends hurry

	runs      context.Context // of every run; ends with ErrShutdown
	interrupt context.CancelCauseFunc
	calls     context.Context // of every request; ends with Run
}

// leases is the set of leases that the heartbeat looks after.
type leases struct {
	mu  sync.Mutex
	all map[*lease]struct{}
}

func (s *leases) add(ls ...*lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range ls {
		s.all[l] = struct{}{}
	}
}

func (s *leases) remove(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, l)
}

func (s *leases) list() []*lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*lease, 0, len(s.all))
	for l := range s.all {
		list = append(list, l)
	}
	return list
}

// NewWorker makes a worker of a registry's tasks. It returns the registry's error if that has one, and an error for a
// queue that no task uses.
func NewWorker(c *Client, r *tasks.Registry, cfg WorkerConfig) (*Worker, error) {
	if cfg.Logger == nil {
		cfg.Logger = c.logger
	}
	cfg.Logger = guard.Logger(cfg.Logger)
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	if cfg.ShutdownTimeout == 0 {
		cfg.ShutdownTimeout = DefaultShutdownTimeout
	}
	if cfg.Concurrency < 0 {
		return nil, fmt.Errorf("concurrency %d is invalid: it must be 1 or more", cfg.Concurrency)
	}
	if v := cfg.MaxVisibilityTimeout; v != 0 && v < tasks.MinVisibilityTimeout {
		return nil, fmt.Errorf("visibility timeout %v is invalid: it must be %v or more", v, tasks.MinVisibilityTimeout)
	}
	if cfg.Grace < 0 {
		return nil, fmt.Errorf("grace %v is invalid: it must be more than 0", cfg.Grace)
	}
	if cfg.ShutdownTimeout < time.Second {
		return nil, fmt.Errorf("shutdown timeout %v is invalid: it must be 1s or more", cfg.ShutdownTimeout)
	}
	executor, err := tasks.NewExecutor(r, tasks.ExecutorConfig{Logger: cfg.Logger, Grace: cfg.Grace, Recorder: cfg.Recorder})
	if err != nil {
		return nil, err
	}
	w := &Worker{client: c, executor: executor, logger: cfg.Logger, config: cfg}
	w.hurry, w.stopNow = context.WithCancel(context.Background())
	w.held.all = map[*lease]struct{}{}
	if err := w.addSources(r.Queues(), cfg.Queues); err != nil {
		return nil, err
	}
	w.dispatch = &dispatcher{
		sources: w.sources, free: cfg.Concurrency, slots: cfg.Concurrency,
		poll: func(s *source, ask int, wait bool) {
			w.polls.add()
			go w.poll(s, ask, wait)
		},
		run: func(l *lease) {
			w.slots.add()
			go w.slot(l)
		},
	}
	return w, nil
}

func (w *Worker) addSources(specs []tasks.QueueSpec, wanted []QueueWeight) error {
	if len(specs) == 0 {
		return errors.New("the registry has no tasks: there is nothing to work")
	}
	if len(wanted) == 0 {
		for _, spec := range specs {
			wanted = append(wanted, QueueWeight{Name: spec.Name})
		}
	}
	for _, q := range wanted {
		i := slices.IndexFunc(specs, func(s tasks.QueueSpec) bool { return s.Name == q.Name })
		switch {
		case i < 0:
			return &UnknownQueueError{Queue: q.Name, Known: queueNames(specs)}
		case q.Weight < 0 || q.Weight > MaxWeight:
			return fmt.Errorf("weight %d of queue %q is invalid: it must be 1 to %d", q.Weight, q.Name, MaxWeight)
		case slices.ContainsFunc(w.sources, func(s *source) bool { return s.name == q.Name }):
			return fmt.Errorf("queue %q is named twice; give it a weight instead", q.Name)
		}
		if err := checkNames(w.client.prefix, q.Name); err != nil {
			return err
		}
		s := &source{name: q.Name, weight: max(q.Weight, 1), visibility: specs[i].VisibilityTimeout, maxReceives: specs[i].MaxReceiveCount, calm: calmAfter - 1, maxPolls: 1}
		if limit := w.config.MaxVisibilityTimeout; limit > 0 {
			s.visibility = min(s.visibility, limit)
		}
		w.acknowledge(s)
		w.sources = append(w.sources, s)
	}
	return nil
}

// Run works until ctx ends, and then shuts down: it stops fetching, gives back what has not started, lets what runs
// finish within the shutdown timeout, interrupts and gives back the rest, and flushes acknowledgements. It returns nil
// after a clean shutdown, and [ErrUnacknowledged] where SQS did not answer until the end. A queue that is missing when it starts is an error; later trouble with SQS is logged and
// retried. Call Run once. [Worker.StopFetching] and [Worker.StopNow] make less and more haste.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(w.hurry, stop)()
	if err := w.findQueues(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop before it began
		}
		return err
	}
	w.runs, w.interrupt = context.WithCancelCause(context.WithoutCancel(ctx))
	defer w.interrupt(nil)
	calls, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	w.calls = calls

	beating := make(chan struct{})
	go func() {
		defer close(beating)
		w.heartbeat(calls)
	}()
	w.dispatch.start()
	<-ctx.Done()
	err := w.shutdown(end)
	<-beating
	return err
}

// findQueues asks for all URLs at once. Dead letters must have somewhere to go before the first job runs.
func (w *Worker) findQueues(ctx context.Context) error {
	var (
		all  sync.WaitGroup
		errs = make([]error, 2*len(w.sources))
	)
	for i, s := range w.sources {
		all.Go(func() { s.url, errs[2*i] = w.client.URL(ctx, s.name) })
		all.Go(func() { _, errs[2*i+1] = w.client.URL(ctx, DeadLetterQueue(s.name)) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the first, in the order of the queues; the others are of a kind
		}
	}
	return nil
}

// slot runs a message, and then others for as long as there are some.
func (w *Worker) slot(l *lease) {
	defer func() {
		if w.slots.done() == 0 && w.quiet.Load() {
			w.logger.Info("nothing runs any more on the worker, which fetches no messages")
		}
	}()
	for l != nil {
		l = w.dispatch.next(l, w.work(l))
	}
}

// work runs one message and hands its fate to the acknowledger. It returns how long the function ran.
func (w *Worker) work(l *lease) time.Duration {
	ctx, cancel := context.WithCancelCause(w.runs)
	defer cancel(nil)
	if !l.start(time.Now(), cancel) {
		w.held.remove(l)
		return 0
	}
	out := w.executor.Execute(ctx, l.delivery())
	switch {
	case l.decide(leaseRunning):
		w.carryOut(l, out)
	case out.Verdict == tasks.Done && l.decide(leaseLost):
		// If nobody has received the message since, this saves a second run.
		w.carryOut(l, out)
	default:
		// With a handle that is no longer the latest, anything else would be done to somebody else's run.
		w.logger.Warn("a run ended after its message was given up; the job runs again",
			"job", out.Attempt.ID, "task", out.Attempt.Task, "queue", l.source.name, "verdict", out.Verdict.String())
	}
	return out.Elapsed
}

// poll receives once.
func (w *Worker) poll(s *source, ask int, wait bool) {
	defer w.polls.done()
	deepstack.Grow()
	begin := time.Now()
	out, err := w.client.api.ReceiveMessage(w.calls, w.receive(s, ask, wait))
	now := time.Now()
	if err == nil && wait && len(out.Messages) == 0 && now.Sub(begin) < shortestPoll {
		// Whatever answers does not wait. Without a pause this would be a loop of requests as fast as they go.
		err = errNoLongPoll
	}
	if err != nil {
		w.pollFailed(s, ask, err)
		return
	}
	got := make([]*lease, len(out.Messages))
	for i, m := range out.Messages {
		got[i] = newLease(s, m, now)
	}
	w.held.add(got...)
	w.giveBack(w.dispatch.polled(s, ask, got, false))
}

func (w *Worker) receive(s *source, ask int, wait bool) *sqs.ReceiveMessageInput {
	in := &sqs.ReceiveMessageInput{
		QueueUrl:                    aws.String(s.url),
		MaxNumberOfMessages:         int32(ask),
		VisibilityTimeout:           seconds(s.visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
		MessageAttributeNames:       []string{"All"}, // to be kept on a dead letter
	}
	if wait {
		// A receive under way at shutdown is left to end by itself, so it must not take longer than the shutdown may. Zero
		// would be no wait at all, and an idle worker a loop of requests.
		in.WaitTimeSeconds = max(int32(min(longPoll, w.config.ShutdownTimeout-shutdownMargin(w.config.ShutdownTimeout))/time.Second), 1)
	}
	return in
}

// shortestPoll is how long a receive that may wait takes at least when it brings nothing.
const shortestPoll = 500 * time.Millisecond

var errNoLongPoll = errors.New("the answer came empty and at once, although the request allows it to wait")

func (w *Worker) pollFailed(s *source, ask int, err error) {
	w.dispatch.polled(s, ask, nil, true)
	failures, stopping := w.dispatch.failures(s)
	if stopping {
		return
	}
	wait := backoff(failures)
	level := slog.LevelWarn
	switch {
	case failures > 1:
		level = slog.LevelError
	case errors.Is(err, errNoLongPoll):
		level = slog.LevelDebug // once is nothing: so ends a wait at an endpoint that stops
	}
	w.logger.Log(w.calls, level, "receive failed; it will be tried again", "queue", s.name,
		"error", wrap("receive", w.client.FullName(s.name), err), "failures", failures, "retry_in", wait)
	time.AfterFunc(wait, func() { w.dispatch.resume(s) })
}

// An UnknownQueueError says that no task uses a queue of that name.
type UnknownQueueError struct {
	Queue string
	Known []string
}

func (e *UnknownQueueError) Error() string {
	return fmt.Sprintf("no task uses queue %q: this program has %s", e.Queue, strings.Join(e.Known, ", "))
}

func queueNames(specs []tasks.QueueSpec) []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	return names
}
