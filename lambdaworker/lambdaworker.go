// Package lambdaworker works a queue as an AWS Lambda function with an SQS event source mapping. It is the whole main of
// such a function:
//
//	func main() { lambdaworker.Start(tasks.NewRegistry(reports.Generate, reports.Email)) }
//
// Jobs mean what they mean on a worker of package sqsqueue: the same executor decides. What follows from Lambda:
//
//   - The mapping must have ReportBatchItemFailures, or Lambda deletes failed messages; 'core doctor --lambda FUNCTION'
//     looks. A batch whose messages all succeed makes no request to AWS.
//   - A retry's delay, and a job that is not due, is a change of the message's visibility. A dead letter is sent first and
//     then reported as done.
//   - The function's timeout bounds each attempt. An attempt that had that time nearly to itself has failed, with the
//     reason timeout; one that began late, behind others of its batch, is given back. So is what had not begun.
//   - When the process dies, Lambda keeps all of its batch, and the messages come back after the queue's visibility
//     timeout. What of it had finished is skipped with a results store, and runs again without one.
//   - From a FIFO queue messages are worked one after the other, up to the first that must be tried again; the rest is
//     given back, so that nothing overtakes.
package lambdaworker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

const (
	// DefaultConcurrency is how many messages of a batch run at once: all of a mapping's default batch.
	DefaultConcurrency = 10
	// DefaultGrace is how long a task may ignore its cancelled context.
	DefaultGrace = time.Second
	// ackMargin is what is kept of the function's time, behind the grace period, for requests about messages.
	ackMargin = time.Second
)

// An Option sets one property of a [Handler].
type Option func(*config)

type config struct {
	concurrency int
	grace       time.Duration
	recorder    tasks.Recorder
	logger      *slog.Logger
	api         sqsqueue.API
}

// Concurrency is how many messages of a batch run at once; the default is [DefaultConcurrency]. In [Start] the variable
// CORE_CONCURRENCY sets it too.
func Concurrency(n int) Option { return func(c *config) { c.concurrency = n } }

// Grace is how long a task may ignore its cancelled context before it is abandoned; the default is [DefaultGrace]. Tasks
// are cancelled that much, and a second for what must be said about their messages, before the function's deadline, but
// never before half of its time. In [Start] the variable CORE_GRACE sets it too.
func Grace(d time.Duration) Option { return func(c *config) { c.grace = d } }

// Recorder is told of every attempt; results.NewRecorder makes one of a store. Make it, with its clients, before Start, so
// that it is there for every invocation. The default keeps no records.
func Recorder(r tasks.Recorder) Option { return func(c *config) { c.recorder = r } }

// Logger gets the life of each job, with the invocation's requestId. The default writes JSON lines on standard error, from
// the level that AWS_LAMBDA_LOG_LEVEL names (INFO).
func Logger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// SQS is how messages are hidden and dead-lettered. The default is a client made of [AWSConfig].
func SQS(api sqsqueue.API) Option { return func(c *config) { c.api = api } }

// A Handler works the batches of an SQS event source mapping. It has the method of lambda.Handler, and is safe for
// concurrent use.
type Handler struct {
	config
	registry *tasks.Registry
	executor *tasks.Executor
	client   *sqsqueue.Client

	mu     sync.Mutex
	queues map[string]queue // by ARN
	looked sync.Once        // at how the function's timeout fits the tasks
}

// New makes a handler of a registry's tasks. It returns the registry's error if that has one.
func New(r *tasks.Registry, opts ...Option) (*Handler, error) {
	h := &Handler{registry: r, config: config{concurrency: DefaultConcurrency, grace: DefaultGrace}, queues: map[string]queue{}}
	for _, opt := range opts {
		opt(&h.config)
	}
	if h.concurrency < 1 {
		return nil, fmt.Errorf("concurrency %d is invalid: it must be 1 or more", h.concurrency)
	}
	if h.grace <= 0 {
		return nil, fmt.Errorf("grace %v is invalid: it must be more than 0", h.grace)
	}
	if h.logger == nil {
		h.logger = newLogger()
	}
	h.logger = guard.Logger(h.logger)
	var err error
	if h.executor, err = tasks.NewExecutor(r, tasks.ExecutorConfig{Logger: h.logger, Grace: h.grace, Recorder: h.recorder}); err != nil {
		return nil, err
	}
	if len(r.Tasks()) == 0 {
		return nil, errors.New("the registry has no tasks: there is nothing to work")
	}
	if h.api == nil {
		cfg, err := AWSConfig()
		if err != nil {
			return nil, err
		}
		h.api = sqsqueue.NewAPI(cfg)
	}
	// Queues are called here as SQS calls them, by the name in the event.
	h.client, err = sqsqueue.New(h.api, sqsqueue.Config{Logger: h.logger})
	return h, err
}

func newLogger() *slog.Logger {
	level := slog.LevelInfo
	if text := os.Getenv("AWS_LAMBDA_LOG_LEVEL"); level.UnmarshalText([]byte(text)) != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr}))
}

// Invoke works one event and returns the partial batch response. It implements lambda.Handler. An error means that the
// event is none of SQS, or none that it could work: Lambda keeps its messages.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	records, err := readEvent(payload)
	if err != nil {
		return nil, err
	}
	logger := h.logger
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		logger = logger.With("requestId", lc.AwsRequestID)
	}
	b := &batch{handler: h, logger: logger, records: records, trace: invocationTrace(ctx), done: make([]bool, len(records))}
	for i := range records {
		q, err := h.queue(records[i].EventSourceARN)
		if err != nil {
			return nil, err
		}
		b.queues = append(b.queues, q)
	}
	h.looked.Do(func() { h.checkTimeouts(ctx, logger) })
	failed := b.work(ctx)
	logger.Debug("batch worked", "messages", len(records), "failed", len(failed))
	return response(records, failed)
}

// checkTimeouts says once when tasks may take longer than the function lets them.
func (h *Handler) checkTimeouts(ctx context.Context, logger *slog.Logger) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return
	}
	full := time.Until(deadline)
	var longer []string
	for _, t := range h.registry.Tasks() {
		if info := t.Info(); info.Timeout > full-h.margin(full) {
			longer = append(longer, fmt.Sprintf("%s (%v)", info.Name, info.Timeout))
		}
	}
	if len(longer) > 0 {
		logger.Error("the function's timeout is too short for tasks, which are cut off; set it to the longest of their timeouts and some seconds more",
			"function_timeout", full.Round(time.Second), "tasks", strings.Join(longer, ", "))
	}
}

// margin is how long before the function's deadline tasks are cancelled.
func (h *Handler) margin(left time.Duration) time.Duration {
	return min(h.grace+ackMargin, left/2)
}

// Start runs a function that works a queue: it is the last call of its main. It returns never; what makes work impossible
// from the beginning, such as wrong definitions, is reported to Lambda as an error of the initialization.
func Start(r *tasks.Registry, opts ...Option) {
	api := os.Getenv(runtimeAPIVar)
	if api == "" {
		fatal(errors.New("lambdaworker.Start runs on AWS Lambda, which sets " + runtimeAPIVar + "; try the function here with 'core dev --lambda BINARY'"))
	}
	fromEnvironment, err := environment()
	if err == nil {
		var h *Handler
		if h, err = New(r, append(fromEnvironment, opts...)...); err == nil {
			lambda.Start(h)
		}
	}
	reportInit(api, err)
	fatal(err)
}
