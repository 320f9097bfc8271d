// Package lambda is AWS Lambda's event source mappings for SQS in process: a [Mapping] polls a queue as Lambda does and
// calls a [Function], which is a handler in the same process ([InProcess]) or a binary that speaks the Lambda Runtime API
// ([Process]), the very bootstrap that is deployed.
//
// # Where it differs from the service
//
//   - A mapping polls one batch after the other while invocations run, up to MaxConcurrency; Lambda begins with five
//     pollers and adds more by the minute.
//   - Environments are kept until the mapping ends, and are not frozen between invocations.
//   - FIFO queues, filters and on-failure destinations are not there.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// API is what a mapping needs of SQS; the emulator has it, and so has *sqs.Client.
type API interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Limits and defaults of Lambda ("Using Lambda with Amazon SQS", "Lambda quotas").
const (
	DefaultBatchSize      = 10
	MaxBatchSize          = 10_000
	MaxWindow             = 5 * time.Minute
	DefaultTimeout        = 3 * time.Second
	MaxTimeout            = 15 * time.Minute
	DefaultMaxConcurrency = 5       // what a mapping without a maximum starts with
	maxPayload            = 6 << 20 // of an invocation
)

// Config sets up a [Mapping].
type Config struct {
	// QueueURL is the queue's.
	QueueURL string
	// BatchSize is 1 to 10,000; the default is 10. Above 10 there must be a Window of a second or more.
	BatchSize int
	// Window is how long a batch that is not full waits for more messages, 0 to 5 minutes.
	Window time.Duration
	// MaxConcurrency is how many invocations run at once; the default is 5.
	MaxConcurrency int
	// Timeout is the function's, up to 15 minutes; the default is 3 s. The queue's visibility timeout must not be shorter.
	Timeout time.Duration
	// WholeBatches means that the mapping lacks ReportBatchItemFailures: all messages of an invocation that returns are
	// deleted, whatever it says.
	WholeBatches bool
	// Logger gets invocations that fail. The default is slog.Default().
	Logger *slog.Logger
}

// A Mapping hands a queue's messages to a function.
type Mapping struct {
	api      API
	function Function
	cfg      Config
	arn      string
	carried  []types.Message // received, and too large for the batch before
}

// NewMapping makes a mapping, and refuses what Lambda does.
func NewMapping(ctx context.Context, api API, function Function, cfg Config) (*Mapping, error) {
	if cfg.BatchSize == 0 {
		cfg.BatchSize = DefaultBatchSize
	}
	if cfg.MaxConcurrency == 0 {
		cfg.MaxConcurrency = DefaultMaxConcurrency
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	switch {
	case cfg.BatchSize < 1 || cfg.BatchSize > MaxBatchSize:
		return nil, fmt.Errorf("batch size %d is invalid: it must be 1 to %d", cfg.BatchSize, MaxBatchSize)
	case cfg.Window < 0 || cfg.Window > MaxWindow:
		return nil, fmt.Errorf("batching window %v is invalid: it must be 0 to %v", cfg.Window, MaxWindow)
	case cfg.BatchSize > 10 && cfg.Window < time.Second:
		return nil, fmt.Errorf("batch size %d needs a batching window of 1s or more", cfg.BatchSize)
	case cfg.MaxConcurrency < 1:
		return nil, fmt.Errorf("maximum concurrency %d is invalid: it must be 1 or more", cfg.MaxConcurrency)
	case cfg.Timeout < time.Second || cfg.Timeout > MaxTimeout:
		return nil, fmt.Errorf("function timeout %v is invalid: it must be 1s to %v", cfg.Timeout, MaxTimeout)
	}
	out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(cfg.QueueURL), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("map queue %s: %w", cfg.QueueURL, err)
	}
	visibility, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err == nil && time.Duration(visibility)*time.Second < cfg.Timeout {
		return nil, fmt.Errorf("map queue %s: its visibility timeout of %d s is shorter than the function's timeout of %v", cfg.QueueURL, visibility, cfg.Timeout)
	}
	return &Mapping{api: api, function: function, cfg: cfg, arn: out.Attributes[string(types.QueueAttributeNameQueueArn)]}, nil
}

// Run polls until ctx ends, and returns when the invocations under way have ended, each at its deadline at the latest.
func (m *Mapping) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, m.cfg.MaxConcurrency)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		batch := m.gather(ctx)
		if ctx.Err() != nil {
			m.giveBack(context.WithoutCancel(ctx), append(batch, m.carried...))
			return
		}
		running.Go(func() {
			m.invoke(context.WithoutCancel(ctx), batch)
			<-slots
		})
	}
}

// gather receives until a batch is full or its window has passed.
func (m *Mapping) gather(ctx context.Context) []types.Message {
	batch, size := m.take(nil, 0, m.carried)
	var end time.Time // of the window, which the first message opens
	for ctx.Err() == nil && len(batch) < m.cfg.BatchSize && len(m.carried) == 0 {
		wait := 20 * time.Second
		if len(batch) > 0 {
			if end.IsZero() {
				end = time.Now().Add(m.cfg.Window)
			}
			if wait = min(wait, time.Until(end).Truncate(time.Second)); m.cfg.Window == 0 || time.Until(end) <= 0 {
				break
			}
		}
		out, err := m.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(m.cfg.QueueURL), MaxNumberOfMessages: int32(min(10, m.cfg.BatchSize-len(batch))),
			WaitTimeSeconds:             int32(wait / time.Second),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
			MessageAttributeNames:       []string{"All"},
		})
		switch {
		case err != nil && ctx.Err() == nil:
			m.cfg.Logger.Warn("event source mapping: receive failed; it will be tried again", "queue", m.arn, "error", err)
			pause(ctx, time.Second)
		case err == nil && len(out.Messages) == 0 && len(batch) > 0:
			pause(ctx, min(time.Until(end), 100*time.Millisecond)) // the last part of a second
		case err == nil:
			batch, size = m.take(batch, size, out.Messages)
		}
	}
	return batch
}

// take adds messages as far as an invocation can carry them; the rest is for the next.
func (m *Mapping) take(batch []types.Message, size int, messages []types.Message) ([]types.Message, int) {
	m.carried = nil
	for i, message := range messages {
		// What is around a body, and what JSON may make of it.
		more := len(aws.ToString(message.Body))*11/10 + 2<<10
		if len(batch) > 0 && (size+more > maxPayload || len(batch) == m.cfg.BatchSize) {
			m.carried = messages[i:]
			break
		}
		batch, size = append(batch, message), size+more
	}
	return batch, size
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// invoke calls the function with a batch and deletes what it has worked. Whatever fails is left alone, and comes back
// after its visibility timeout.
func (m *Mapping) invoke(ctx context.Context, batch []types.Message) {
	payload, err := event(m.arn, batch)
	if err != nil {
		m.cfg.Logger.Error("event source mapping: the batch can't be an event", "queue", m.arn, "error", err)
		return
	}
	call, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	answer, err := m.function.Invoke(call, newRequest(m.arn, payload))
	if err == nil && !m.cfg.WholeBatches {
		batch, err = worked(batch, answer)
	}
	if err != nil {
		m.cfg.Logger.Error("event source mapping: the invocation failed; its messages come back after their visibility timeout",
			"queue", m.arn, "messages", len(batch), "error", err)
		return
	}
	for len(batch) > 0 {
		n := min(10, len(batch))
		m.remove(ctx, batch[:n])
		batch = batch[n:]
	}
}

func (m *Mapping) remove(ctx context.Context, batch []types.Message) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(batch))
	for i, message := range batch {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: message.ReceiptHandle}
	}
	out, err := m.api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(m.cfg.QueueURL), Entries: entries})
	if err != nil || len(out.Failed) > 0 {
		m.cfg.Logger.Warn("event source mapping: messages could not be deleted; they come back", "queue", m.arn, "error", err)
	}
}

// giveBack makes messages visible that were received and not handed out.
func (m *Mapping) giveBack(ctx context.Context, batch []types.Message) {
	for len(batch) > 0 {
		n := min(10, len(batch))
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, n)
		for i, message := range batch[:n] {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: message.ReceiptHandle}
		}
		_, err := m.api.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(m.cfg.QueueURL), Entries: entries})
		if err != nil {
			m.cfg.Logger.Warn("event source mapping: messages could not be given back; they come back after their visibility timeout", "queue", m.arn, "error", err)
		}
		batch = batch[n:]
	}
}

// An InvocationError is a function's own error, its death or its timeout.
type InvocationError struct {
	// Type is what the runtime called it, such as Runtime.ExitError.
	Type, Message string
}

func (e *InvocationError) Error() string { return strings.TrimPrefix(e.Type+": "+e.Message, ": ") }

var errBadResponse = errors.New("the response is no partial batch response")
