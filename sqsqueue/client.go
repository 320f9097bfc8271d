package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/batch"
	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

// Config sets up a [Client]; the zero value is ready to use.
type Config struct {
	// Prefix is put before every queue's name, to keep environments apart: with "staging-", the queue "default" is
	// "staging-default" in SQS. Names that are too long with it are refused by [NewWorker], [Apply] and [CheckNames], and
	// otherwise when the queue is first used.
	Prefix string
	// PartialSends is how many requests to a queue that carry fewer than ten jobs may be under way at once; the default is
	// [DefaultPartialSends]. While so many are, further jobs wait for an answer or until they are ten. More lets a job
	// leave sooner, at the price of more requests: as many as there are concurrent callers make each job a request of
	// its own; 1 makes the fewest.
	PartialSends int
	// Later keeps jobs whose countdown is longer than SQS's longest delay, 15 minutes. Without one they travel in hops: a
	// worker that receives them too early sends them on, which costs a request every 15 minutes.
	Later Later
	// Logger gets what happens in the background. The default is slog.Default().
	Logger *slog.Logger
	// Trace returns the trace context to send along with a job, by header name (traceparent, tracestate); with
	// OpenTelemetry it is what a propagator injects into a MapCarrier. The task finds it in [tasks.Attempt].
	Trace func(context.Context) map[string]string
}

// A Client sends jobs. It is safe for concurrent use: concurrent calls share requests, and a lone call goes out at once.
type Client struct {
	api    API
	prefix string
	later  Later
	logger *slog.Logger
	trace  func(context.Context) map[string]string
	eager  int // requests that are not full under way at once, for each queue

	mu     sync.Mutex
	urls   map[string]string // by name, without the prefix
	arns   map[string]string // likewise
	queues map[string]*sender
	hiders map[string]*batch.Batcher[hiding]
	closed bool
}

// New returns a client of the queues at api.
func New(api API, cfg Config) (*Client, error) {
	if err := CheckPrefix(cfg.Prefix); err != nil {
		return nil, err
	}
	if cfg.PartialSends < 0 {
		return nil, fmt.Errorf("PartialSends %d is invalid: it must be 1 or more", cfg.PartialSends)
	}
	c := &Client{api: api, prefix: cfg.Prefix, later: cfg.Later, logger: cfg.Logger, trace: cfg.Trace, urls: map[string]string{}, arns: map[string]string{},
		queues: map[string]*sender{}, hiders: map[string]*batch.Batcher[hiding]{}}
	c.eager = cfg.PartialSends
	if c.eager == 0 {
		c.eager = DefaultPartialSends
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	c.logger = guard.Logger(c.logger)
	return c, nil
}

// DeadLetterQueue returns the name of a queue's dead-letter queue. That of a FIFO queue is one too.
func DeadLetterQueue(queue string) string {
	if name, ok := strings.CutSuffix(queue, fifoSuffix); ok {
		return name + "-dlq" + fifoSuffix
	}
	return queue + "-dlq"
}

// IsFIFO reports whether a queue of that name keeps its messages' order.
func IsFIFO(queue string) bool { return strings.HasSuffix(queue, fifoSuffix) }

// FullName returns the name that a queue has in SQS.
func (c *Client) FullName(queue string) string { return c.prefix + queue }

// URL returns a queue's URL. It asks SQS at first and remembers the answer.
func (c *Client) URL(ctx context.Context, queue string) (string, error) {
	c.mu.Lock()
	url, known := c.urls[queue]
	c.mu.Unlock()
	if known {
		return url, nil
	}
	if err := checkName(c.prefix, queue); err != nil {
		return "", wrap("find", c.FullName(queue), err)
	}
	out, err := c.api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(c.FullName(queue))})
	if err != nil {
		return "", wrap("find", c.FullName(queue), err)
	}
	if url = aws.ToString(out.QueueUrl); url == "" {
		return "", wrap("find", c.FullName(queue), ErrNotSQS)
	}
	c.Remember(queue, url)
	return url, nil
}

// ARN returns a queue's ARN. It asks SQS at first and remembers the answer.
func (c *Client) ARN(ctx context.Context, queue string) (string, error) {
	c.mu.Lock()
	arn, known := c.arns[queue]
	c.mu.Unlock()
	if known {
		return arn, nil
	}
	attrs, err := c.attributes(ctx, queue)
	if err != nil {
		return "", err
	}
	arn = attrs[attrARN]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arns[queue] = arn
	return arn, nil
}

// Remember tells the client a queue's URL, which it then need not ask for.
func (c *Client) Remember(queue, url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.urls[queue] = url
}

// forget makes the next use of a queue ask for its URL again.
func (c *Client) forget(queue string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.urls, queue)
	delete(c.arns, queue)
}

// Send implements [tasks.Sender]. Each error is an [*Error], or a [*TooLargeError] inside one. One that matches
// [tasks.ErrUnknownOutcome] leaves open whether the job is in the queue: a request was sent and its answer lost (a time limit, a
// connection reset), or it was a 5xx; or ctx ended while the request was under way. The SDK repeats such a request by
// itself, so a job can be in the queue twice also where Send succeeds.
func (c *Client) Send(ctx context.Context, msgs []tasks.Message) []error {
	if len(msgs) == 1 {
		if err := c.sendOne(ctx, msgs[0]); err != nil {
			return []error{err}
		}
		return nil
	}
	errs := make([]error, len(msgs))
	failed := false
	for queue, at := range byQueue(msgs) {
		failed = c.sendAll(ctx, queue, msgs, at, errs) || failed
	}
	if !failed {
		return nil
	}
	return errs
}

func (c *Client) sendOne(ctx context.Context, msg tasks.Message) (kept error) {
	if msg.Delay > maxDelay && len(c.keep(ctx, []tasks.Message{msg}, []int{0}, func(_ int, err error) { kept = err })) == 0 {
		return kept
	}
	out, err := c.outgoing(ctx, msg)
	if err != nil {
		return wrap("send", c.FullName(msg.Queue), err)
	}
	s, err := c.sender(msg.Queue)
	if err != nil {
		return wrap("send", c.FullName(msg.Queue), err)
	}
	return s.send(ctx, out)
}

// sendAll sends the messages at the given places, all of one queue, and puts each error in its place.
func (c *Client) sendAll(ctx context.Context, queue string, msgs []tasks.Message, at []int, errs []error) (failed bool) {
	fail := func(i int, err error) {
		errs[i] = err
		failed = true
	}
	if at = c.keep(ctx, msgs, at, fail); len(at) == 0 {
		return failed
	}
	s, err := c.sender(queue)
	if err != nil {
		for _, i := range at {
			fail(i, wrap("send", c.FullName(queue), err))
		}
		return failed
	}
	outs := make([]outgoing, 0, len(at))
	places := make([]int, 0, len(at))
	for _, i := range at {
		out, err := c.outgoing(ctx, msgs[i])
		if err != nil {
			fail(i, wrap("send", c.FullName(queue), err))
			continue
		}
		outs, places = append(outs, out), append(places, i)
	}
	for k, err := range s.sendAll(ctx, outs) {
		if err != nil {
			fail(places[k], err)
		}
	}
	return failed
}

func byQueue(msgs []tasks.Message) map[string][]int {
	groups := map[string][]int{}
	for i, m := range msgs {
		groups[m.Queue] = append(groups[m.Queue], i)
	}
	return groups
}

// outgoing encodes a job as a message.
func (c *Client) outgoing(ctx context.Context, msg tasks.Message) (outgoing, error) {
	if c.trace != nil && msg.Envelope.Trace == nil {
		if p := guard.Call(func() { msg.Envelope.Trace = c.trace(ctx) }); p != nil {
			c.logger.Error("Config.Trace panicked; the job is sent without a trace",
				"job", msg.Envelope.ID, "task", msg.Envelope.Task, "panic", p.Text, "stack", string(p.Stack))
		}
	}
	delay := msg.Delay
	if delay > maxDelay {
		// The rest of the way is covered in hops: a worker that receives it too early sends it on.
		msg.Envelope.NotBefore = time.Now().UTC().Add(delay)
		delay = maxDelay
	}
	body, err := msg.Envelope.Encode()
	if err != nil {
		return outgoing{}, err
	}
	if limit := maxBytes - deadLetterRoom; len(body) > limit {
		return outgoing{}, &TooLargeError{Size: len(body), Limit: limit}
	}
	return outgoing{body: string(body), delay: delay}, nil
}

func (c *Client) sender(queue string) (*sender, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if err := checkName(c.prefix, queue); err != nil {
		return nil, err
	}
	s, ok := c.queues[queue]
	if !ok {
		s = newSender(c, queue)
		c.queues[queue] = s
	}
	return s, nil
}

// Close sends what is under way and refuses further jobs. It returns when all is sent, or with an error when ctx ends.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	queues, hiders := c.queues, c.hiders
	c.mu.Unlock()
	var errs []error
	for name, s := range queues {
		if err := s.batcher.Close(ctx); err != nil {
			errs = append(errs, wrap("close", c.FullName(name), err))
		}
	}
	for name, b := range hiders {
		if err := b.Close(ctx); err != nil {
			errs = append(errs, wrap("close", c.FullName(name), err))
		}
	}
	return errors.Join(errs...)
}

// seconds rounds up, so that nothing is early.
func seconds(d time.Duration) int32 {
	return int32((d + time.Second - 1) / time.Second)
}

// Ping reports whether a queue can be reached. It asks for the queue's settings, which costs a request.
func (c *Client) Ping(ctx context.Context, queue string) error {
	_, err := c.attributes(ctx, queue)
	return err
}
